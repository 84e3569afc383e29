"""Figures of many named numbers with intervals, one below the other."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
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
      log: whether x is spaced by its logarithm; means are then geometric, and what has
        none is left out.
      bold: names to be set in bold.
      reference: where a vertical line stands, or None.
      ends: of a row: low end, mark and high end; its mean with the 95 % interval, or
        alone where it has none, unless given.
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
    ends: Callable[[ArrayLike], Ends] | None = None

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere."""
        figure, (axes,) = style.panels(width=9.0, height=1.2 + 0.42 * len(self.names))
        axes.set(xlabel=self.x_label, xscale="log" if self.log else "linear")
        colours = style.hues(self.groups)
        for place, (group, rows) in enumerate(self.groups.items()):
            offset = 0.3 * (place - (len(self.groups) - 1) / 2)
            ends = np.transpose([self._ends(row) for row in rows])
            known = np.isfinite(ends) & ((ends > 0) | (not self.log))
            low, centre, high = np.where(known, ends, np.nan)
            y = np.arange(len(self.names)) + offset
            colour = colours[group].colour
            axes.hlines(y, low, high, color=colour, linewidth=2.4)
            axes.plot(centre, y, _MARKS[place], color=colour, markersize=7, label=group)
        axes.set_yticks(range(len(self.names)), self.names)
        for label in axes.get_yticklabels():
            label.set_fontweight("bold" if label.get_text() in self.bold else "normal")
        axes.set_ylim(len(self.names) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        if self.log:
            style.label_decades(axes.xaxis)
        if self.reference is not None:
            axes.axvline(self.reference, color=style.INK, linewidth=1.2)
        if len(self.groups) > 1:
            figure.legend(loc="outside upper left", ncols=len(self.groups))
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        data = {
            f"{group}, {name}": row
            for group, rows in self.groups.items()
            for name, row in zip(self.names, rows, strict=True)
        }
        return figures.save_figure(
            self.draw(), folder, self.name, data=data, caption=self.caption
        )

    def _ends(self, row: ArrayLike) -> Ends:
        if self.ends is not None:
            return self.ends(row)
        values = np.asarray(row, np.float64)
        interval = intervals.geometric_interval if self.log else intervals.mean_interval
        mean = np.exp(np.mean(np.log(values))) if self.log else np.mean(values)
        low, high = interval(values) or (mean, mean)
        return low, mean, high
