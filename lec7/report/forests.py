"""Figures of many named numbers with intervals, one below the other."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, intervals, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKS = "oDs^"

Ends = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Forest:
    """A figure of many named numbers with intervals, one below the other.

    Attributes:
      name: of the figure.
      names: n of them, from top to bottom.
      groups: name -> a row of values, one a seed, for each of the names [n][M].
      x_label: with its unit.
      caption: of the figure.
      log: whether x is spaced by its logarithm; means are then geometric.
      bold: names to be set in bold.
      reference: where a vertical line stands, or None.
    """

    name: str
    names: Sequence[str]
    groups: Mapping[str, Sequence[ArrayLike]]
    x_label: str
    _: dataclasses.KW_ONLY
    caption: str
    log: bool = False
    bold: Sequence[str] = ()
    reference: float | None = None

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        ends = {
            group: np.transpose([_ends(row, self.log) for row in rows])
            for group, rows in self.groups.items()
        }
        drawn = draw_forest(
            self.names,
            ends,
            x_label=self.x_label,
            log=self.log,
            bold=self.bold,
            reference=self.reference,
        )
        data = {
            f"{group}, {name}": row
            for group, rows in self.groups.items()
            for name, row in zip(self.names, rows, strict=True)
        }
        return figures.save_figure(
            drawn, folder, self.name, data=data, caption=self.caption
        )


def _ends(values: ArrayLike, log: bool) -> Ends:
    """Return low end, mean and high end; the mean alone where it has no interval."""
    values = np.asarray(values, np.float64)
    interval = intervals.geometric_interval if log else intervals.mean_interval
    mean = float(np.exp(np.mean(np.log(values))) if log else np.mean(values))
    low, high = interval(values) or (mean, mean)
    return low, mean, high


@style.in_house_look
def draw_forest(
    names: Sequence[str],
    groups: Mapping[str, ArrayLike],
    *,
    x_label: str,
    log: bool = False,
    bold: Sequence[str] = (),
    reference: float | None = None,
) -> "Figure":
    """Draw a line for each name, with a mark and an interval for each group.

    Args:
      names: n of them, from top to bottom.
      groups: name -> low end, centre and high end [3, n]. What is not finite, or has no
        logarithm on a logarithmic axis, is left out.
      x_label: with its unit.
      log: whether x is spaced by its logarithm.
      bold: names to be set in bold.
      reference: where a vertical line stands, or None.

    Returns:
      The figure.
    """
    figure, (axes,) = style.panels(width=9.0, height=1.2 + 0.42 * len(names))
    axes.set(xlabel=x_label, xscale="log" if log else "linear")
    for place, (group, ends) in enumerate(groups.items()):
        offset = 0.3 * (place - (len(groups) - 1) / 2)
        ends = np.asarray(ends, np.float64)
        known = np.isfinite(ends) & ((ends > 0) | (not log))
        low, centre, high = np.where(known, ends, np.nan)
        y = np.arange(len(names)) + offset
        colour = style.PALETTE[place]
        axes.hlines(y, low, high, color=colour, linewidth=2.4)
        axes.plot(centre, y, _MARKS[place], color=colour, markersize=7, label=group)
    axes.set_yticks(range(len(names)), names)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in bold else "normal")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    if log:
        style.label_decades(axes.xaxis)
    if reference is not None:
        axes.axvline(reference, color=style.INK, linewidth=1.2)
    if len(groups) > 1:
        figure.legend(loc="outside upper left", ncols=len(groups))
    return figure
