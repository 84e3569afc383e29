"""Figures of trajectories: what update rules do on a loss of two parameters."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lec7.report import figures, formats, landscapes, planes, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Panels = Mapping[str, planes.Plane]

_DASHES = ("solid", (0, (5, 2)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# From the valley to the heights, so pale that every colour stands out.
_GROUND = ("#ffffff", "#d5d9e0")
_CONTOUR = "#8c959f"
# Shares of a path's length, as the eye measures it, at which an arrow points forwards.
_ARROWS = (0.15, 0.4, 0.7)
# Diameters of the dots at ten steps each, in points.
_DOTS = (6, 5, 4, 3)
_START = {
    "linestyle": "",
    "marker": "o",
    "markersize": 12,
    "markerfacecolor": "white",
    "markeredgecolor": style.INK,
    "markeredgewidth": 2,
}
_MINIMUM = {"linestyle": "", "marker": "*", "markersize": 17, "color": style.INK}


@dataclasses.dataclass(frozen=True)
class Trajectories:
    """A figure of paths over contours; a rule looks the same in all its panels.

    Dots are the first forty steps and shrink with time, arrows point forwards, and the
    mark of a rule is where its path ends, if that is on the plane.

    Attributes:
      name: of the figure.
      panels: title, such as "equal rates" -> paths over a surface.
      caption: of the figure.
    """

    name: str
    panels: Panels
    _: dataclasses.KW_ONLY
    caption: str

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the figure, not written anywhere."""
        looks = assign_looks(self.panels)
        figure, axes = draw_grounds(self.panels)
        for panel, shown in zip(axes, self.panels.values(), strict=True):
            for name, several in planes.in_sight(shown).items():
                for points in several:
                    _draw_path(panel, points, looks[name], alone=len(several) == 1)
        draw_legend(figure, self.panels, looks)
        return figure

    @functools.cached_property
    def pictures(self) -> figures.Pictures:
        """The still picture, which an animation and a replay of it show too."""
        return figures.encode(self.draw())

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the figure, drawn and written with its numbers."""
        return self.save_as(folder, self.name, self.caption)

    def save_as(self, folder: Path, name: str, caption: str) -> figures.Figure:
        """Return the record of the figure, written under another name."""
        return figures.save_figure(
            self.pictures, folder, name, data=numbers(self.panels), caption=caption
        )


class Look(NamedTuple):
    """How a rule is told from the others, with colour and without."""

    colour: str
    marker: str
    dashes: str | tuple
    size: float

    def line(self) -> dict:
        """Return what matplotlib draws its path with."""
        return {"color": self.colour, "linestyle": self.dashes}

    def mark(self) -> dict:
        """Return what matplotlib draws its place with."""
        return {
            "marker": self.marker,
            "markersize": self.size,
            "markerfacecolor": self.colour,
            "markeredgecolor": "white",
            "markeredgewidth": 1,
        }


def numbers(panels: Panels) -> dict[str, np.ndarray]:
    """Return the points and surfaces of trajectories by name."""
    data = {}
    for title, shown in panels.items():
        data[f"{title}, x"], data[f"{title}, y"] = shown.landscape.x, shown.landscape.y
        (data[f"{title}, loss"],) = shown.landscape.losses.values()
        data[f"{title}, minima"] = np.reshape(shown.minima, (-1, 2))
        for rule, path in shown.paths.items():
            data[f"{title}, {rule}"] = planes.points_of(path)
            beside = {"losses": getattr(path, "losses", None)}
            for key, values in (beside | getattr(path, "state", {})).items():
                if values is not None:
                    data[f"{title}, {rule}, {key}"] = values
    return data


def assign_looks(panels: Panels) -> dict[str, Look]:
    """Return rule -> look; a path over the others is smaller than those below."""
    return choose_looks(
        list(dict.fromkeys(name for of in panels.values() for name in of.paths))
    )


def choose_looks(names: Sequence[str]) -> dict[str, Look]:
    """Return rule -> look, for rules that are drawn in this order."""
    sizes = np.linspace(15, 8, len(names))
    return {
        name: Look(
            hue.colour,
            _MARKERS[(hue.place + hue.turn) % len(_MARKERS)],
            _DASHES[hue.turn % len(_DASHES)],
            size,
        )
        for (name, hue), size in zip(style.hues(names).items(), sizes, strict=True)
    }


def draw_grounds(panels: Panels, *, size: float = 5.8) -> tuple["Figure", list["Axes"]]:
    """Return surfaces with minima and starts, and their axes in order; size: inches."""
    figure, axes = style.tiles(len(panels), size=size)
    for panel, (title, shown) in zip(axes, panels.items(), strict=True):
        _draw_contours(panel, shown.landscape)
        panel.set_title(title)
        for x, y in np.reshape(shown.minima, (-1, 2)):
            panel.plot(x, y, **_MINIMUM, zorder=4)
        starts = [
            planes.points_of(path)[..., 0, :].reshape(-1, 2)
            for path in shown.paths.values()
        ]
        starts = np.unique(np.concatenate(starts), axis=0)
        size = {"markersize": _START["markersize"] if len(starts) < 6 else 5}
        for x, y in starts:
            panel.plot(x, y, **_START | size, zorder=4)
    return figure, axes


def _draw_contours(axes: "Axes", landscape: landscapes.Landscape) -> None:
    """Draw a surface so pale that what is drawn over it stands out."""
    from matplotlib.colors import LinearSegmentedColormap

    (loss,) = landscape.losses.values()
    heights = np.ma.masked_invalid(landscapes.log_loss(loss)).T
    grid = (landscape.x, landscape.y, heights)
    levels = np.log10(landscapes.loss_levels(landscape))
    ground = LinearSegmentedColormap.from_list("ground", _GROUND)
    axes.contourf(*grid, levels, cmap=ground).set_rasterized(True)
    lines = axes.contour(
        *grid, levels, colors=_CONTOUR, linewidths=0.8, linestyles="solid"
    )
    axes.clabel(
        lines,
        levels[len(levels) // 3 :: 2],
        fmt=lambda level: formats.format_tick(10**level),
        fontsize=11,
        colors=style.INK,
    )
    low, high = planes.corners(landscape)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set(xlabel=landscape.x_label, ylabel=landscape.y_label)
    axes.set_box_aspect(1)
    axes.grid(visible=False)


def draw_legend(figure: "Figure", panels: Panels, looks: Mapping[str, Look]) -> None:
    """Name rules and marks above the panels, which keep their size."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], label=name, **look.line(), **look.mark())
        for name, look in looks.items()
    ]
    handles.append(Line2D([], [], label="start", **_START))
    if any(np.size(shown.minima) for shown in panels.values()):
        handles.append(Line2D([], [], label="minimum", **_MINIMUM))
    longest = max(len(handle.get_label()) for handle in handles)
    columns = max(1, int(figure.get_figwidth() / (0.75 + 0.11 * longest)))
    rows = math.ceil(len(handles) / columns)
    figure.set_figheight(figure.get_figheight() + 0.33 * rows + 0.15)
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=math.ceil(len(handles) / rows),
        columnspacing=1.2,
    )


def _draw_path(axes: "Axes", points: np.ndarray, look: Look, *, alone: bool) -> None:
    """Draw the path of a rule; one of several is thin and has no dots or arrows."""
    from matplotlib.patheffects import withStroke

    (line,) = axes.plot(*points.T, **look.line(), linewidth=2.2 if alone else 1.2)
    if alone:
        halo = withStroke(linewidth=4, foreground="white", alpha=0.7)
        line.set_path_effects([halo])
        for place, size in enumerate(_DOTS):
            steps = points[1:][10 * place : 10 * (place + 1)]
            axes.plot(*steps.T, "o", color=look.colour, markersize=size, zorder=3)
        _draw_arrows(axes, points, look.colour)
    if np.all((axes.viewLim.min <= points[-1]) & (points[-1] <= axes.viewLim.max)):
        axes.plot(*points[-1], **look.mark(), zorder=5)


def _draw_arrows(axes: "Axes", points: np.ndarray, colour: str) -> None:
    """Draw heads of arrows where a path has run through shares of its length."""
    steps = np.diff(points, axis=0) / axes.viewLim.size
    run = np.cumsum(np.linalg.norm(steps, axis=1))
    if run.size and run[-1] > 0.05:
        for place in np.unique(np.searchsorted(run, np.array(_ARROWS) * run[-1])):
            x, y = steps[place]
            axes.plot(
                *(points[place] + points[place + 1]) / 2,
                marker=(3, 0, math.degrees(math.atan2(y, x)) - 90),
                color=colour,
                markersize=13,
                markeredgecolor="white",
                zorder=3,
            )
