"""Figures that compare groups: one panel a measure, every seed in sight."""

import dataclasses
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, intervals, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_COLUMNS = 4


@dataclasses.dataclass(frozen=True)
class Paired:
    """A figure that compares groups seed by seed, one panel a measure.

    Attributes:
      name: of the figure.
      measures: title with unit -> a row of values, one a seed, for each group [G][M].
        What is not finite, or has no logarithm on a logarithmic axis, is left out.
      groups: names of the G groups.
      caption: of the figure; what its marks are is added.
      x_label: what the names are, where they do not say so themselves.
      log: whether values are spaced by their logarithm; means are then geometric.
      reference: where a horizontal line stands in every panel, or None.
    """

    name: str
    measures: Mapping[str, Sequence[ArrayLike]]
    groups: Sequence[str]
    _: dataclasses.KW_ONLY
    caption: str
    x_label: str = ""
    log: bool = False
    reference: float | None = None

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere."""
        rows = math.ceil(len(self.measures) / _MOST_COLUMNS)
        columns = math.ceil(len(self.measures) / rows)
        width = max(3.4, 0.85 * len(self.groups))  # names stand apart
        figure, axes = style.panels(rows, columns, width=width, height=4.2)
        figure.get_layout_engine().set(h_pad=0.15)
        for panel, (title, values) in zip(axes, self.measures.items(), strict=False):
            panel.set_title(textwrap.fill(title, 18), fontsize=15)
            panel.set_xlabel(self.x_label)
            _draw_panel(panel, np.asarray(values, np.float64), self.groups, self.log)
            if self.reference is not None:
                panel.axhline(self.reference, color=style.INK, linewidth=1.2)
        for empty in axes[len(self.measures) :]:
            empty.set_axis_off()
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        means = "geometric means" if self.log else "means"
        return figures.save_figure(
            self.draw(),
            folder,
            self.name,
            data=self.measures,
            caption=(
                f"{self.caption} Every seed is a circle, and a line joins the networks "
                f"of one seed. Diamonds are {means} with their 95 % interval."
            ),
        )


def _draw_panel(
    axes: "Axes", values: np.ndarray, groups: Sequence[str], log: bool
) -> None:
    """Draw one measure [G, M]."""
    known = np.isfinite(values) & ((values > 0) | (not log))
    values = np.where(known, values, np.nan)
    places = np.arange(len(groups))
    axes.set_yscale("log" if log else "linear")
    axes.plot(places, values, color=style.FAINT, linewidth=1.4, zorder=1)
    hues = style.hues(groups)
    for place, row, group in zip(places, values, groups, strict=True):
        colour = hues[group].colour
        row = row[np.isfinite(row)]
        axes.plot(
            np.full(row.size, place),
            row,
            "o",
            color=colour,
            markersize=7,
            markerfacecolor="none",
        )
        _draw_mean(axes, place + 0.2, row, colour, log)
    axes.set_xlim(-0.5, len(groups) - 0.3)
    axes.set_xticks(places, [name.replace(" ", "\n") for name in groups])
    axes.grid(visible=False, axis="x")
    if log:
        style.label_decades(axes.yaxis)


def _draw_mean(
    axes: "Axes", place: float, row: np.ndarray, colour: str, log: bool
) -> None:
    """Draw a group's mean, and its interval when it has one."""
    if row.size == 0:
        return
    mean = np.exp(np.log(row).mean()) if log else row.mean()
    interval = (intervals.geometric_interval if log else intervals.mean_interval)(row)
    if interval is not None:
        axes.vlines(place, *interval, color=colour, linewidth=3)
    axes.plot(place, mean, "D", color=colour, markersize=8)
