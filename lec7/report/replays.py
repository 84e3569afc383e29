"""Replays: a part of the page in which trajectories run step by step."""

import base64
import dataclasses
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import (
    figures,
    landscapes,
    planes,
    style,
    trajectories,
)

# Of every replay: steps at most, and points along a side of the shading.
_MOST_STEPS, _SIDE = 400, 61
_GLYPHS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚", "X": "✖"}


@dataclasses.dataclass(frozen=True)
class Replay:
    """A figure of paths that the page replays step by step.

    Of several starts of a rule the first is replayed. An address that ends in
    `#surface=TITLE&step=20&rules=SGD,Adam` opens the page in that state; each of the
    three may be left out.

    Attributes:
      name: of the figure.
      still: the same paths standing still, with their losses and state.
      caption: of the figure.
      arrows: names of state that has a direction.
      points: names of state that is a place. What is neither has a size alone.
    """

    name: str
    still: trajectories.Trajectories
    _: dataclasses.KW_ONLY
    caption: str
    arrows: Collection[str] = ("velocity", "first moment")
    points: Collection[str] = ("average",)

    def save(self, folder: Path) -> figures.Figure:
        """Return the record of the still picture, with what the page replays."""
        scenes = compose_scenes(
            self.still.panels, arrows=self.arrows, points=self.points
        )
        figure = self.still.save_as(folder, self.name, self.caption)
        return dataclasses.replace(figure, player="replay", scenes=scenes)


def compose_scenes(
    panels: trajectories.Panels,
    *,
    arrows: Collection[str] = ("velocity", "first moment"),
    points: Collection[str] = ("average",),
) -> str:
    """Return one scene a surface as JSON, in which what is not finite is null.

    Numbers are rounded, of many steps some are left out, and paths end where they are
    lost.
    """
    looks = trajectories.assign_looks(panels)
    kinds = dict.fromkeys(arrows, "arrow") | dict.fromkeys(points, "point")
    scenes = [
        {
            "title": title,
            **_describe_ground(shown),
            **_describe_rules(shown, looks, kinds),
        }
        for title, shown in panels.items()
    ]
    return json.dumps(scenes, allow_nan=False, separators=(",", ":"))


def _describe_ground(shown: planes.Plane) -> dict[str, Any]:
    """Return a surface as contour lines, over a shading in bytes from its top row."""
    from matplotlib.figure import Figure

    (loss,) = shown.landscape.losses.values()
    low, high = planes.corners(shown.landscape)
    levels = np.log10(landscapes.loss_levels(shown.landscape))
    heights = np.ma.masked_invalid(landscapes.log_loss(loss))
    grid = (shown.landscape.x, shown.landscape.y, heights.T)
    lines = Figure().subplots().contour(*grid, levels)
    rows = [
        np.linspace(0, size - 1, _SIDE).round().astype(int) for size in heights.shape
    ]
    shares = (heights[np.ix_(*rows)] - levels[0]) / (levels[-1] - levels[0])
    shading = np.rint(255 * shares.filled(1.0)).astype(np.uint8).T[::-1]
    return {
        "low": low.tolist(),
        "high": high.tolist(),
        "labels": [shown.landscape.x_label, shown.landscape.y_label],
        "side": _SIDE,
        "shading": base64.b64encode(shading.tobytes()).decode(),
        "contours": [
            [_round(axis) for axis in segment.T]
            for segments in lines.allsegs
            for segment in segments
            if len(segment)
        ],
        "minima": np.reshape(shown.minima, (-1, 2)).tolist(),
    }


def _describe_rules(
    shown: planes.Plane,
    looks: Mapping[str, trajectories.Look],
    kinds: Mapping[str, str],
) -> dict[str, Any]:
    """Return what every rule does at the steps that are replayed."""
    last = planes.last_step(shown)
    every = math.ceil(last / _MOST_STEPS)
    seen = planes.in_sight(shown)
    rules = [
        _describe_rule(name, path, seen[name][0], looks[name], kinds, every)
        for name, path in shown.paths.items()
    ]
    return {"last": last, "every": every, "rules": rules}


def _describe_rule(
    name: str,
    path: Any,
    points: np.ndarray,
    look: trajectories.Look,
    kinds: Mapping[str, str],
    every: int,
) -> dict[str, Any]:
    """Return what one rule does, as long as it is in sight."""
    length = planes.points_of(path).shape[-2]
    losses = _first(name, "losses", getattr(path, "losses", None), (length,))
    state = {
        key: _first(name, key, values, (length, 2))
        for key, values in getattr(path, "state", {}).items()
    }
    moves = np.diff(points, axis=0, prepend=points[:1])
    shown = slice(0, len(points), every)
    return {
        "name": name,
        **describe_look(look),
        "lost": len(points) - 1 if len(points) < length else None,
        "x": _round(points[shown, 0]),
        "y": _round(points[shown, 1]),
        "losses": _round(losses[: len(points)][shown]),
        "steps": _round(np.linalg.norm(moves, axis=1)[shown]),
        "state": [
            {
                "name": key,
                "kind": kinds.get(key, "size"),
                # An arrow points where it drives the rule, uphill as it may be.
                "sign": -1 if np.nansum(values[: len(points)] * moves) < 0 else 1,
                "x": _round(values[: len(points)][shown, 0]),
                "y": _round(values[: len(points)][shown, 1]),
            }
            for key, values in state.items()
        ],
    }


def describe_look(look: trajectories.Look) -> dict[str, Any]:
    """Return how the page draws a rule, black in its own ink."""
    return {
        "colour": None if look.colour == style.BLACK else look.colour,
        "glyph": _GLYPHS[look.marker],
        "dashes": [] if look.dashes == "solid" else [2 * x for x in look.dashes[1]],
    }


def _first(
    name: str, key: str, values: ArrayLike, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the values along the first path of a rule.

    Raises:
      ValueError: a path has no losses, or losses or state are not of its length.
    """
    if values is None:
        raise ValueError(f"the path of {name!r} has no {key}, which a replay shows")
    values = np.asarray(values, dtype=np.float64)
    first = values.reshape(-1, *values.shape[-len(shape) :])[0]
    if first.shape != shape:
        raise ValueError(
            f"{key!r} of {name!r} has shape {values.shape}; expected [..., {shape}]"
        )
    return first


def _round(values: np.ndarray) -> list[float | None]:
    """Return numbers with four digits, null where they are not finite."""
    return [
        float(f"{value:.4g}") if np.isfinite(value) else None
        for value in np.asarray(values, dtype=np.float64).tolist()
    ]
