"""Which start reaches which minimum of Himmelblau's function, rule by rule."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments import descents
from lec7 import problems, report

LETTERS = "ABCD"
RATES = (1e-3, 10.0)  # between which a rule is tuned


class Basins(NamedTuple):
    """Where descents on Himmelblau's function end."""

    axes: tuple[np.ndarray, np.ndarray]
    """Coordinates of the starts [A], [A]."""
    rates: Mapping[str, float]
    """By rule."""
    reached: Mapping[str, np.ndarray]
    """The place of the minimum, -1 for none, by rule [A, A]."""


def explore(config: Any) -> Basins:
    """Descend on Himmelblau's function from a grid, each rule at its best rate.

    Args:
      config: the experiment's.

    Returns:
      Where the descents end.
    """
    surface, steps = problems.HIMMELBLAU, config.basin_steps
    x, y = (
        np.linspace(*ends, config.resolution)
        for ends in (surface.x_range, surface.y_range)
    )
    starts = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    some = np.random.default_rng(config.draws).choice(starts, 16, axis=0)
    rates, reached = {}, {}
    for name, make_rule in descents.RULES.items():
        rates[name] = problems.tune(
            make_rule,
            surface.from_starts(some),
            steps,
            rates=np.geomspace(*RATES, config.rates),
            score=problems.last_loss,
        ).shared
        path = problems.descend(
            make_rule(rates[name]), surface.from_starts(starts), steps
        )
        ends = nearest(path.points[:, -1], surface.minima)
        reached[name] = ends.reshape(config.resolution, config.resolution)
    return Basins((x, y), rates, reached)


def nearest(points: np.ndarray, minima: Sequence[problems.Point]) -> np.ndarray:
    """Return which of K minima points are at.

    Args:
      points: [N, 2].
      minima: [K, 2].

    Returns:
      Places in `minima`, -1 where none is nearer than 0.5 [N].
    """
    distances = np.linalg.norm(points[:, None] - np.asarray(minima), axis=2)
    distances = np.nan_to_num(distances, nan=np.inf)
    return np.where(distances.min(axis=1) < 0.5, distances.argmin(axis=1), -1)


def section(config: Any, folder: pathlib.Path, basins: Basins) -> report.Section:
    """Show the map.

    Args:
      config: the experiment's.
      folder: the run's folder.
      basins: where descents end.

    Returns:
      The section.
    """
    surface = problems.HIMMELBLAU
    drawn = report.draw_basins(
        *basins.axes,
        {f"{n}, rate {basins.rates[n]:.3g}": r for n, r in basins.reached.items()},
        minima=dict(zip(LETTERS, surface.minima, strict=True)),
        landscape=descents.landscape(surface),
    )
    figure = report.save_figure(
        drawn,
        folder,
        "basins",
        data={"x": basins.axes[0], "y": basins.axes[1], **basins.reached},
        caption=(
            "Himmelblau's function: which of its four minima is reached from where, "
            f"after {config.basin_steps} updates. All four are equally low."
        ),
    )
    return report.Section(
        heading="Which start reaches which minimum",
        text=(
            "Each rule has the rate that ends lowest on average, of "
            f"{config.rates} between 0.001 and 10. The slower a descent, the more "
            "nearly its basins end at the ridges; long steps and velocity fray them."
        ),
        figures=[figure],
    )
