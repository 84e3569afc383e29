"""Figures of basins: which start point reaches which minimum."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, landscapes, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = style.PALETTE[:6]
_NONE = "#e7eaee"
_MARK = {"color": style.INK, "markersize": 11, "markeredgecolor": "white"}


@dataclasses.dataclass(frozen=True)
class Basins:
    """A figure of which minimum is reached from where, one panel a rule.

    Attributes:
      name: of the figure.
      axes: first coordinates [A] and second coordinates [B] of the start points, even.
      basins: name of a rule -> [A, B] integers, the place in `minima` of what is
        reached, and -1 where it is none of them.
      minima: name, a letter or a word -> point; at most six.
      caption: of the figure.
      landscape: of one surface, whose contours are drawn over the basins and whose
        labels the axes get.
      saddles: points that are marked by crosses [S, 2].
      maxima: points that are marked by triangles [S, 2].
    """

    name: str
    axes: tuple[ArrayLike, ArrayLike]
    basins: Mapping[str, ArrayLike]
    minima: Mapping[str, tuple[float, float]]
    _: dataclasses.KW_ONLY
    caption: str
    landscape: landscapes.Landscape | None = None
    saddles: ArrayLike = ()
    maxima: ArrayLike = ()

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere.

        At each minimum stand its name and the share of the start points that reach it.
        """
        reached = {rule: np.asarray(places) for rule, places in self.basins.items()}
        _check(tuple(map(np.size, self.axes)), reached, len(self.minima))
        figure, axes = style.tiles(len(reached), size=4.8)
        for panel, (rule, places) in zip(axes, reached.items(), strict=True):
            _draw_places(panel, *self.axes, places)
            panel.set_title(rule)
            if self.landscape:
                _draw_lines(panel, self.landscape)
            for place, (name, point) in enumerate(self.minima.items()):
                share = np.mean(places == place)
                _draw_minimum(panel, point, f"{name}\n{share:.0%}", _COLOURS[place])
            for marker, points in (("X", self.saddles), ("^", self.maxima)):
                for point in np.reshape(points, (-1, 2)):
                    panel.plot(*point, marker, **_MARK)
            panel.set_box_aspect(1)
            panel.grid(visible=False)
            panel.label_outer()
        _draw_legend(figure, self.minima)
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        numbers = {
            **dict(zip(("x", "y"), self.axes, strict=True)),
            **self.basins,
            "saddles": self.saddles,
            "maxima": self.maxima,
        }
        return figures.save_figure(
            self.draw(), folder, self.name, data=numbers, caption=self.caption
        )


def _check(
    grid: tuple[int, int], reached: Mapping[str, np.ndarray], count: int
) -> None:
    """Refuse what cannot be drawn.

    Raises:
      ValueError: there are too many minima, a basin does not lie on the grid, or an
        integer is the place of no minimum.
    """
    if count > len(_COLOURS):
        raise ValueError(
            f"{count} minima; at most {len(_COLOURS)} can be told apart by colour: "
            "join some under one name"
        )
    for rule, places in reached.items():
        if places.shape != grid:
            raise ValueError(
                f"the basins of {rule!r} have shape {places.shape}; "
                f"expected {grid}, one minimum for each x and y"
            )
        strange = places[~np.isin(places, range(-1, count))]
        if strange.size:
            raise ValueError(
                f"the basins of {rule!r} hold {strange[0]}; expected the place of one "
                f"of {count} minima, or -1 for none of them"
            )


def _draw_places(axes: "Axes", x: ArrayLike, y: ArrayLike, places: np.ndarray) -> None:
    """Colour every start point by what it reaches."""
    from matplotlib.colors import ListedColormap

    axes.pcolormesh(
        *(x, y, places.T),
        shading="nearest",
        cmap=ListedColormap([_NONE, *map(_tint, _COLOURS)]),
        vmin=-1.5,
        vmax=len(_COLOURS) - 0.5,
        rasterized=True,
    )


def _draw_lines(axes: "Axes", landscape: landscapes.Landscape) -> None:
    """Draw the contours of a surface, and take over its labels."""
    (loss,) = landscape.losses.values()
    limits = axes.get_xlim(), axes.get_ylim()
    axes.contour(
        *(landscape.x, landscape.y, np.ma.masked_invalid(landscapes.log_loss(loss)).T),
        np.log10(landscapes.loss_levels(landscape)),
        colors=style.INK,
        alpha=0.35,
        linewidths=0.8,
        linestyles="solid",
    )
    axes.set(xlim=limits[0], ylim=limits[1])
    axes.set(xlabel=landscape.x_label, ylabel=landscape.y_label)


def _draw_minimum(
    axes: "Axes", point: tuple[float, float], text: str, colour: str
) -> None:
    """Mark a minimum and write beside it."""
    from matplotlib.patheffects import withStroke

    axes.plot(*point, "*", color=colour, markersize=18, markeredgecolor=style.INK)
    axes.annotate(
        text,
        point,
        (0, -12),
        textcoords="offset points",
        horizontalalignment="center",
        verticalalignment="top",
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )


def _draw_legend(figure: "Figure", minima: Mapping[str, tuple[float, float]]) -> None:
    """Name the colours."""
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=_tint(colour), edgecolor=colour, label=name)
        for name, colour in zip(minima, _COLOURS, strict=False)
    ]
    handles.append(Patch(facecolor=_NONE, edgecolor=style.INK, label="none of them"))
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=len(handles),
        title="start points that reach",
        alignment="left",
    )


def _tint(colour: str) -> tuple[float, float, float]:
    """Return a colour so light that black can be read on it."""
    from matplotlib.colors import to_rgb

    red, green, blue = (0.55 * part + 0.45 for part in to_rgb(colour))
    return red, green, blue
