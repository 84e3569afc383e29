"""The landscape that turns: a relief in WebGL over a still picture of it."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import figures, landscapes, planes, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Descent = tuple[ArrayLike, ArrayLike, ArrayLike]

# Of the colour map and of numbers on the page.
_COLOURS, _DIGITS = 32, 4


@dataclasses.dataclass(frozen=True)
class Surface:
    """A figure of a relief that the page turns.

    Attributes:
      name: of the figure.
      landscape: one surface a group.
      caption: of the figure.
      paths: name of a group -> a descent over its surface: x [T], y [T] and loss [T].
        It ends where it leaves the plane.
    """

    name: str
    landscape: landscapes.Landscape
    _: dataclasses.KW_ONLY
    caption: str
    paths: Mapping[str, Descent] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Refuse a path of no surface.

        Raises:
          ValueError: a path is of no group, or is not three rows of one length, or
            starts off the plane.
        """
        for name, path in self.paths.items():
            if name not in self.landscape.losses:
                raise ValueError(
                    f"there is a path on {name!r}; expected one of the surfaces "
                    f"{', '.join(map(repr, self.landscape.losses))}"
                )
            shapes = [np.shape(row) for row in path]
            if len(shapes) != 3 or len(set(shapes)) > 1 or len(shapes[0]) != 1:
                raise ValueError(
                    f"the path on {name!r} has rows of shapes {shapes}; expected x, y "
                    "and loss, [T] each"
                )
            if not len(_in_sight(self.landscape, path)):
                raise ValueError(f"the path on {name!r} does not start on its plane")

    @style.in_house_look
    def draw(self) -> "Figure":
        """Return the still relief, its height on a log scale, not written anywhere."""
        from matplotlib.figure import Figure

        shown = self.landscape
        levels = np.log10(landscapes.loss_levels(shown))
        columns = len(shown.losses)
        figure = Figure(figsize=(6.4 * columns, 5.2), layout="none")
        figure.subplots_adjust(left=0, right=1, bottom=0.08, top=1, wspace=0)
        x, y = np.meshgrid(shown.x, shown.y, indexing="ij")
        for place, (name, loss) in enumerate(shown.losses.items(), start=1):
            axes = figure.add_subplot(1, columns, place, projection="3d")
            axes.set_box_aspect((1, 1, 0.75), zoom=0.85)
            axes.plot_surface(
                *(x, y, landscapes.log_loss(loss)),
                cmap=style.COLOUR_MAP,
                vmin=levels[0],
                vmax=levels[-1],
                rcount=60,
                ccount=60,
            )
            if name in self.paths:
                seen = _in_sight(shown, self.paths[name])
                axes.plot(*seen.T, color=style.VERMILLION, zorder=10)
            axes.set_title(name, y=0.94)
            axes.set(zlim=(levels[0], levels[-1]))
            axes.set_xlabel(shown.x_label, fontsize=13, labelpad=8)
            axes.set_ylabel(shown.y_label, fontsize=13, labelpad=10)
            axes.set_zlabel(shown.loss_label, fontsize=13, labelpad=16)
            axes.tick_params(axis="z", pad=7)
            axes.set_zticks(levels[::2], [*map(landscapes.label, levels[::2])])
            axes.tick_params(labelsize=12)
            axes.locator_params(axis="x", nbins=4)
            axes.locator_params(axis="y", nbins=4)
        return figure

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the still relief, with the scenes that turn."""
        record = figures.save_figure(
            self.draw(),
            folder,
            self.name,
            data=landscapes.numbers(self.landscape) | _numbers(self.paths),
            caption=self.caption,
        )
        scenes = compose_scenes(self.landscape, self.paths)
        return dataclasses.replace(record, player="surface", scenes=scenes)


def compose_scenes(
    landscape: landscapes.Landscape, paths: Mapping[str, Descent]
) -> str:
    """Return what the page draws as JSON, all groups on one scale.

    Heights are shares of the range of levels, logarithms both, and null where the loss
    is unknown.
    """
    from matplotlib import colormaps, colors

    levels = np.log10(landscapes.loss_levels(landscape))
    ends = levels[0], levels[-1]
    colours = colormaps[style.COLOUR_MAP](np.linspace(0, 1, _COLOURS))
    scene = {
        "x": _round(landscape.x),
        "y": _round(landscape.y),
        "labels": [landscape.x_label, landscape.y_label, landscape.loss_label],
        "range": _round(ends),
        "levels": _round(_share(levels, ends)),
        "marks": [
            [*_round([_share(level, ends)]), landscapes.label(level)]
            for level in _marked(levels)
        ],
        "colours": [colors.to_hex(colour) for colour in colours],
        "surfaces": [
            _describe(landscape, name, paths.get(name), ends)
            for name in landscape.losses
        ],
    }
    return json.dumps(scene, allow_nan=False, separators=(",", ":"))


def _marked(levels: np.ndarray) -> np.ndarray:
    """Return the levels that are named: the decades, or a few of all."""
    decades = levels[np.isclose(levels, np.rint(levels))]
    named = decades if len(decades) > 2 else levels
    return named[:: math.ceil(len(named) / 8)]


def _describe(
    landscape: landscapes.Landscape,
    name: str,
    path: Descent | None,
    ends: tuple[float, float],
) -> dict[str, Any]:
    """Return a surface, and the path over it if there is one."""
    heights = _share(landscapes.log_loss(landscape.losses[name]), ends)
    described = {"title": name, "heights": _round(heights)}
    if path is not None:
        seen = _in_sight(landscape, path)
        seen[:, 2] = np.clip(_share(seen[:, 2], ends), 0, 1)
        described["path"] = _round(seen)
    return described


def _in_sight(landscape: landscapes.Landscape, path: Descent) -> np.ndarray:
    """Return x, y and the logarithm of the loss, [up to T, 3], while on the plane."""
    x, y, loss = (np.asarray(row, dtype=np.float64) for row in path)
    points = np.stack([x, y, landscapes.log_loss(loss)], axis=1)
    low, high = planes.corners(landscape)
    inside = np.all((low <= points[:, :2]) & (points[:, :2] <= high), axis=1)
    inside &= np.isfinite(points[:, 2])
    return points[: len(inside) if inside.all() else inside.argmin()]


def _numbers(paths: Mapping[str, Descent]) -> dict[str, ArrayLike]:
    """Return the arrays of paths by name."""
    return {
        f"path on {name}, {axis}": row
        for name, path in paths.items()
        for axis, row in zip(("x", "y", "loss"), path, strict=True)
    }


def _share(levels: ArrayLike, ends: tuple[float, float]) -> np.ndarray:
    """Return how far logarithms are from the lower end to the upper."""
    return (np.asarray(levels) - ends[0]) / (ends[1] - ends[0])


def _round(values: ArrayLike) -> list:
    """Return rounded numbers, null where they are not finite."""
    rounded = np.round(np.asarray(values, dtype=np.float64), _DIGITS)
    return np.where(np.isfinite(rounded), rounded, None).tolist()
