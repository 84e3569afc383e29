"""Figures of points: one quantity against many others, a panel for each."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 4


@dataclasses.dataclass(frozen=True)
class Scatter:
    """A figure with a panel for each of many quantities, all points in each of them.

    Attributes:
      name: of the figure.
      panels: title with unit -> x of every point, [G, ...].
      y: of every point, [G, ...].
      groups: names of the G groups, each of its own colour.
      y_label: with its unit.
      caption: of the figure.
      log: whether x is spaced by its logarithm; what has none is then left out.
    """

    name: str
    panels: Mapping[str, ArrayLike]
    y: ArrayLike
    groups: Sequence[str]
    y_label: str
    _: dataclasses.KW_ONLY
    caption: str
    log: bool = False

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere."""
        rows = math.ceil(len(self.panels) / _COLUMNS)
        figure, axes = style.panels(rows, _COLUMNS, width=4.4, height=3.6)
        for panel, (title, x) in zip(axes, self.panels.items(), strict=False):
            panel.set(xscale="log" if self.log else "linear")
            panel.set_title(title, fontsize=14)
            panel.tick_params(labelsize=11)
            for row, heights, group, colour in zip(
                np.asarray(x),
                np.asarray(self.y),
                self.groups,
                style.PALETTE,
                strict=False,
            ):
                known = np.isfinite(row) & np.isfinite(heights)
                known &= (row > 0) | (not self.log)
                look = {"color": colour, "markersize": 5, "markerfacecolor": "none"}
                panel.plot(row[known], heights[known], "o", label=group, **look)
            if self.log and panel.has_data():
                style.label_decades(panel.xaxis)
        for empty in axes[len(self.panels) :]:
            empty.set_axis_off()
        figure.supylabel(self.y_label, fontsize=15)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        return figures.save_figure(
            self.draw(),
            folder,
            self.name,
            data={self.y_label: self.y, **self.panels},
            caption=self.caption,
        )
