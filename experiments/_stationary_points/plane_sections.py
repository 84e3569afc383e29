"""Sections of a report that show stationary points in a plane."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments import _surfaces, _trajectories
from experiments._stationary_points import figures, measured, valleys
from lec7 import report

LETTERS = "ABCD"


def sections(
    config: Any, folder: pathlib.Path, planes: measured.Planes
) -> list[report.Section]:
    """Show what was found.

    Args:
      config: the experiment's.
      folder: the run's folder.
      planes: descents on functions like Himmelblau's.

    Returns:
      The sections.
    """
    himmelblau = valleys.stationary_points(np.array([valleys.HIMMELBLAU]))[0]
    ends = {
        title: _descents(config, rule, config.resolution, config.valley_steps)[:, -1]
        for title, rule in (("gradient descent", "SGD"), ("with momentum", "momentum"))
    }
    grid = (config.resolution, config.resolution, 2)
    ends = {title: points.reshape(grid) for title, points in ends.items()}
    return [
        _in_a_plane(config, folder, himmelblau, ends["gradient descent"]),
        _from_where(config, folder, himmelblau, ends),
        _others(planes),
    ]


def _in_a_plane(
    config: Any,
    folder: pathlib.Path,
    found: valleys.Stationary,
    ends: np.ndarray,
) -> report.Section:
    paths = _descents(config, "SGD", config.side, config.shown)
    surface = _surfaces.HIMMELBLAU
    to = _surface_places(paths[:, -1])
    shown = {f"to {letter}": paths[to == place] for place, letter in enumerate(LETTERS)}
    panels = {
        "Himmelblau": report.Plane(
            landscape=_surfaces.landscape(surface),
            paths={name: some for name, some in shown.items() if len(some)},
            minima=surface.minima,
        )
    }
    moving = report.save_animation(
        panels,
        folder,
        "stationary_points",
        caption=(
            f"Descents on Himmelblau's function from {config.side}² starts, "
            f"{config.shown} updates at rate {config.rate:g}, by the minimum at which "
            "they are or to which they are nearest."
        ),
    )
    return report.Section(
        heading="In a plane",
        text=(
            "The gradient of Himmelblau's function, "
            "`(x² + y − 11)² + (x + y² − 7)²`, is two cubics in two unknowns. They "
            "have at most nine common roots (Bezout), and Newton's method from a grid "
            f"finds {len(found.points)} of them. The signs of the Hessian's "
            "eigenvalues take the place of the sign of the second derivative."
        ),
        table=_plane_table(config, found, ends),
        figures=[moving],
    )


def _plane_table(
    config: Any, found: valleys.Stationary, ends: np.ndarray
) -> report.Table:
    """Return all stationary points, and how many descents end at each."""
    places = valleys.reached(ends.reshape(-1, 2), found)
    rows = [
        (
            f"({x:.6f}, {y:.6f})",
            f"{abs(value):.4f}",
            f"{low:.3f}, {high:.3f}",
            valleys.KINDS[kind],
            f"{100 * np.mean(places == place):.1f}",
        )
        for place, ((x, y), value, (low, high), kind) in enumerate(
            zip(
                found.points,
                found.values,
                found.eigenvalues,
                found.negative,
                strict=True,
            )
        )
    ]
    header = (
        "point",
        "f",
        "eigenvalues of the Hessian",
        "kind",
        "descents that end here (%)",
    )
    return report.Table(
        header,
        rows,
        f"All stationary points, and where descents from {config.resolution}² "
        "starts end.",
    )


def _from_where(
    config: Any,
    folder: pathlib.Path,
    found: valleys.Stationary,
    ends: Mapping[str, np.ndarray],
) -> report.Section:
    surface = _surfaces.HIMMELBLAU
    axes = _axes(config.resolution)
    reached = {
        name: _surface_places(some.reshape(-1, 2)).reshape(some.shape[:2])
        for name, some in ends.items()
    }
    drawn = report.draw_basins(
        *axes,
        reached,
        minima=dict(zip(LETTERS, surface.minima, strict=True)),
        landscape=_surfaces.landscape(surface),
    )
    figures.add_others(drawn, found)
    figure = report.save_figure(
        drawn,
        folder,
        "basins",
        data={
            "x": axes[0],
            "y": axes[1],
            **reached,
            "points": found.points,
            "eigenvalues": found.eigenvalues,
        },
        caption=(
            f"Which minimum is reached from where, at rate {config.rate:g}. Crosses "
            "are saddles, the triangle is the maximum: at these points the gradient is "
            "zero too."
        ),
    )
    return report.Section(
        heading="From where to where",
        text=(
            "The saddles lie on the borders between the basins of gradient descent, "
            "and the maximum where borders meet: only a start exactly on a border "
            "could end at one. Momentum at the same rate carries over the borders."
        ),
        figures=[figure],
    )


def _others(planes: measured.Planes) -> report.Section:
    rows = []
    sizes = np.array([len(found.points) for found in planes.found])
    for size in np.unique(sizes):
        some = [found for found in planes.found if len(found.points) == size]
        kinds = np.array([np.bincount(found.negative, minlength=3) for found in some])
        rows.append((f"{size}", f"{len(some)}", *map(_range, kinds.T)))
    header = ("stationary points", "functions", "minima", "saddles", "maxima")
    return report.Section(
        heading="Functions like Himmelblau's",
        text=(
            "With other numbers than 11 and 7, each at most 3 away from them, some "
            "pairs of stationary points merge and vanish. Minima and maxima are "
            "together one more than saddles, whatever vanishes; where they are not, "
            "Newton's method has missed a point."
        ),
        table=report.Table(header, rows),
    )


def _range(counts: np.ndarray) -> str:
    """Return the lowest and the highest of counts."""
    low, high = counts.min(), counts.max()
    return f"{low}" if low == high else f"{low} to {high}"


def _axes(side: int) -> tuple[np.ndarray, np.ndarray]:
    surface = _surfaces.HIMMELBLAU
    return np.linspace(*surface.x_range, side), np.linspace(*surface.y_range, side)


def _descents(config: Any, rule: str, side: int, steps: int) -> np.ndarray:
    """Return descents on Himmelblau's function from a grid [side^2, T + 1, 2]."""
    starts = np.stack(np.meshgrid(*_axes(side), indexing="ij"), axis=-1).reshape(-1, 2)
    path = _trajectories.run(
        *(_trajectories.RULES[rule](config.rate), _surfaces.HIMMELBLAU.function),
        *(starts, steps),
    )
    return path.points


def _surface_places(ends: np.ndarray) -> np.ndarray:
    """Return the nearest of the minima in the order of the surface [N]."""
    minima = np.array(_surfaces.HIMMELBLAU.minima)
    return np.linalg.norm(ends[:, None] - minima, axis=2).argmin(axis=1)
