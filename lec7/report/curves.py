"""Figures of curves: a population along a training, a slice, an interpolation."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = ("-", "--", ":", "-.")
_MARKS = ("o", "s", "^", "D")

BAND = "Median over seeds, in a band from the lowest to the highest."


@dataclasses.dataclass(frozen=True)
class Curves:
    """A figure of curves: each a line, or the median of a population in its band.

    Attributes:
      name: of the figure.
      curves: label -> (x [T], y [M, T] or [T]). What is not finite, or has no logarithm
        on a logarithmic axis, is left out.
      labels: of x and of y, with their units.
      caption: of the figure; what a band is, and what the ceiling does, is added.
      log: the axes that are spaced by their logarithm, of "x", "y" and "xy".
      ceiling: what is larger, or not a number, is drawn here.
      marks: label -> x of vertical lines.
      levels: label -> y of horizontal lines, such as a limit.
      band: what the caption says of a band.
      points: whether what is drawn are points, such as one a seed, without a line.
      order: labels in the order of their colours on the page, of curves that are not in
        this figure too. What begins with the name of a rule has that rule's colour.
    """

    name: str
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]]
    labels: tuple[str, str]
    _: dataclasses.KW_ONLY
    caption: str
    log: str = ""
    ceiling: float | None = None
    marks: Mapping[str, float] | None = None
    levels: Mapping[str, float] | None = None
    band: str = BAND
    points: bool = False
    order: Sequence[str] = ()

    @property
    def note(self) -> str:
        """The whole caption."""
        parts = [self.caption]
        if self.ceiling is not None:
            unit = re.search(r" \(([^()]*)\)$", self.labels[1])
            limit = f"{self.ceiling:g}{f' {unit[1]}' if unit else ''}"
            parts.append(
                f"More than {limit}, and what is not a number, is drawn at "
                f"{self.ceiling:g}."
            )
        if any(np.ndim(y) > 1 for _, y in self.curves.values()):
            parts.append(self.band)
        return " ".join(parts)

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere."""
        figure, (axes,) = style.panels()
        axes.set(
            xlabel=self.labels[0],
            ylabel=self.labels[1],
            xscale="log" if "x" in self.log else "linear",
            yscale="log" if "y" in self.log else "linear",
        )
        names = dict.fromkeys((*self.order, *self.curves))
        lines = _MARKS if self.points else _LINES
        for name, hue in style.hues(names).items():
            if name in self.curves:
                x, y = self.curves[name]
                line = lines[hue.turn % len(lines)]
                look = {"colour": hue.colour, "line": line, "label": name}
                _draw_population(axes, x, self._shown(y), **look)
        levels = (self.levels or {}).items()
        for line, (name, y) in zip(_LINES[1:], levels, strict=False):
            axes.axhline(y, color=style.INK, linewidth=1.8, linestyle=line, label=name)
        _finish(axes, self.marks or {})
        figure.legend(loc="outside upper left", ncols=3)
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        data = {
            f"{label}, {part}": values
            for label, pair in self.curves.items()
            for part, values in zip(self.labels, pair, strict=True)
        }
        return figures.save_figure(
            self.draw(), folder, self.name, data=data, caption=self.note
        )

    def _shown(self, y: ArrayLike) -> ArrayLike:
        return y if self.ceiling is None else np.minimum(y, self.ceiling)


@dataclasses.dataclass(frozen=True)
class Interpolation:
    """A figure of loss and accuracy on the line (1 - t) a + t b through two solutions.

    Attributes:
      name: of the figure.
      positions: t [T]; 0 is the first solution and 1 the second.
      splits: split, such as "train" -> `loss` in nats and `accuracy`, a fraction, each
        [M, T] or [T]; the first as a full line and the next ones broken.
      ends: names of the two solutions.
      caption: of the figure; what a band is is added.

    References:
      Goodfellow et al. 2015, arXiv:1412.6544; Keskar et al. 2017, arXiv:1609.04836,
      figure 3.
    """

    name: str
    positions: ArrayLike
    splits: Mapping[str, Mapping[str, ArrayLike]]
    ends: Sequence[str]
    _: dataclasses.KW_ONLY
    caption: str

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere."""
        from matplotlib.ticker import PercentFormatter

        first, second = self.ends
        figure, (left,) = style.panels()
        left.set(
            xlabel=f"position t on the line from {first} (0) to {second} (1)",
            ylabel="loss (nats)",
            yscale="log",
        )
        right = left.twinx()
        right.grid(visible=False)
        right.spines["right"].set_visible(True)
        right.set_ylabel("accuracy (%)")
        right.yaxis.set_major_formatter(PercentFormatter(1.0))
        for axes, colour, what in (
            (left, style.BLUE, "loss"),
            (right, style.VERMILLION, "accuracy"),
        ):
            for line, (split, values) in zip(_LINES, self.splits.items(), strict=False):
                look = {"colour": colour, "line": line, "label": f"{split} {what}"}
                _draw_population(axes, self.positions, values[what], **look)
            axes.tick_params(axis="y", colors=colour)
            axes.yaxis.label.set_color(colour)
        _finish(left, {first: 0.0, second: 1.0})
        figure.legend(loc="outside upper left", ncols=4)
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        data = {
            f"{split} {what}": values
            for split, of in self.splits.items()
            for what, values in of.items()
        }
        return figures.save_figure(
            self.draw(),
            folder,
            self.name,
            data={"positions": self.positions, **data},
            caption=f"{self.caption}: {BAND[0].lower()}{BAND[1:]}",
        )


def _draw_population(
    axes: "Axes",
    x: ArrayLike,
    y: ArrayLike,
    *,
    colour: str,
    label: str,
    line: str,
) -> None:
    """Draw the median of [M, T] curves over the band that holds them all."""
    x = np.asarray(x)
    y = np.ma.masked_invalid(np.atleast_2d(np.asarray(y, dtype=np.float64)))
    if axes.get_yscale() == "log":
        y = np.ma.masked_less_equal(y, 0)
    if len(y) > 1:
        low, high = y.min(axis=0), y.max(axis=0)
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(x, np.ma.median(y, axis=0), line, color=colour, label=label)


def _finish(axes: "Axes", marks: Mapping[str, float]) -> None:
    """Draw vertical lines named above the axes, and label logarithmic axes."""
    for label, x in marks.items():
        axes.axvline(x, color=style.INK, linewidth=1.2, linestyle=(0, (2, 3)))
        axes.annotate(
            label,
            (x, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            horizontalalignment="center",
        )
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            style.label_decades(axis)
