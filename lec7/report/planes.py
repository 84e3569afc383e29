"""Paths of update rules over a loss of two parameters."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import landscapes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plane:
    """Paths of several update rules over one surface.

    Attributes:
      landscape: the surface, the one group of it.
      paths: name of a rule -> points [T + 1, 2], the start first, or [N, T + 1, 2] for
        N starts or seeds; or what has them as `points`, and what a replay shows beside
        them as `losses` [..., T + 1] and `state`, name -> [..., T + 1, 2].
      minima: [K, 2], or empty.
    """

    landscape: landscapes.Landscape
    paths: Mapping[str, Any]
    minima: ArrayLike = ()

    def __post_init__(self):
        """Refuse what is no path on the surface.

        Raises:
          ValueError: if the landscape has not exactly one surface, there is no path,
            points or minima are no pairs, or a path has no step or starts off the
            plane.
        """
        surfaces = list(self.landscape.losses)
        if len(surfaces) != 1:
            raise ValueError(f"the landscape has the surfaces {surfaces}; expected one")
        if not self.paths:
            raise ValueError(f"there is no path on the surface {surfaces[0]!r}")
        if np.size(self.minima) and np.shape(self.minima)[1:] != (2,):
            raise ValueError(
                f"minima have shape {np.shape(self.minima)}; expected [K, 2]"
            )
        low, high = corners(self.landscape)
        for name, path in self.paths.items():
            points = points_of(path)
            if points.ndim not in {2, 3} or points.shape[-1] != 2 or _steps(points) < 1:
                raise ValueError(
                    f"the path of {name!r} has shape {points.shape}; expected "
                    "[T + 1, 2] or [N, T + 1, 2] with at least one step"
                )
            starts = points[..., 0, :].reshape(-1, 2)
            off = starts[~np.all((low <= starts) & (starts <= high), axis=1)]
            if off.size:
                raise ValueError(
                    f"a path of {name!r} starts at {tuple(off[0].tolist())}, off the "
                    f"plane from {tuple(low.tolist())} to {tuple(high.tolist())}"
                )


def points_of(path: Any) -> np.ndarray:
    """Return the points of a path, [T + 1, 2] or [N, T + 1, 2]."""
    return np.asarray(getattr(path, "points", path), dtype=np.float64)


def last_step(shown: Plane) -> int:
    """Return T of the longest path."""
    return max(_steps(points_of(path)) for path in shown.paths.values())


def corners(landscape: landscapes.Landscape) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower left and the upper right corner of a plane, two points [2]."""
    ends = [(np.min(axis), np.max(axis)) for axis in (landscape.x, landscape.y)]
    low, high = np.array(ends, dtype=np.float64).T
    return low, high


def in_sight(shown: Plane) -> dict[str, list[np.ndarray]]:
    """Return rule -> N arrays of points [up to T + 1, 2], cut where a path is lost.

    A point is lost that is not finite, or further off the plane than the plane is wide.
    The step that leads to the first such point is kept, shortened to two widths.

    Example:
      >>> bowl = landscapes.Landscape(x=[0, 1], y=[0, 1], losses={"": [[1, 2], [2, 3]]})
      >>> away = [[1, 1], [1.5, 0.5], [1e9, 0.5], [1e19, 0.5]]
      >>> in_sight(Plane(landscape=bowl, paths={"SGD": away}))["SGD"][0].tolist()
      [[1.0, 1.0], [1.5, 0.5], [3.5, 0.5]]
    """
    low, high = corners(shown.landscape)
    return {
        name: [_cut(each, low, high) for each in np.atleast_3d(points_of(path).T).T]
        for name, path in shown.paths.items()
    }


def _steps(points: np.ndarray) -> int:
    """Return T of points [..., T + 1, 2]."""
    return points.shape[-2] - 1


def _cut(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the points up to the first that is lost, which is brought near."""
    size = high - low
    near = (low - size <= points) & (points <= high + size)
    kept = np.all(near, axis=1).argmin() or len(points)
    seen = points[: kept + 1].copy()
    if kept < len(points):
        with np.errstate(over="ignore"):
            step = points[kept] - points[kept - 1]
        if not np.all(np.isfinite(step)):
            return seen[:-1]
        step *= min(1.0, 2 / np.max(np.abs(step) / size))
        seen[-1] = points[kept - 1] + step
    return seen
