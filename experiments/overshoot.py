"""Does momentum run past the minimum of an ill-conditioned quadratic?

Run: python launch.py --experiment=overshoot
Expected: 0.1 minutes on two CPU cores. Momentum overshoots by a third of its way;
SGD does not.
Source: lecture, 0:20:00
Data: none
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments import _shells
from lec7 import report, runs, update_rules

RULES = {"SGD": update_rules.sgd, "momentum": update_rules.momentum}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which quadratics are descended."""

    seeds: runs.Seeds = tuple(range(8))  # quadratics, one a seed
    updates: runs.Count = 200  # of a path


class Findings(NamedTuple):
    """How far the farthest point is past the minimum, and the distance left."""

    overshoot: Mapping[str, np.ndarray]  # rule -> share of the first distance [N]
    distance: Mapping[str, np.ndarray]  # rule -> along the flat direction [N, T + 1]


def run(config: Config, context: runs.Context) -> Findings:
    """Descend every quadratic with both rules at one rate."""
    shells = _shells.draw(config.seeds, low=10, high=100)
    rate = 1 / shells.conditions
    paths = {
        n: _shells.follow(rule, shells, rate, config.updates)
        for n, rule in RULES.items()
    }
    return Findings(
        overshoot={name: _shells.overshoot(path) for name, path in paths.items()},
        distance={name: np.abs(path.points[..., 0]) for name, path in paths.items()},
    )


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide both claims."""
    say = report.Claims(source="lecture, 0:20:00", figure="distance")
    past, unit = found.overshoot, "% of the distance at the start"
    updates = np.arange(config.updates + 1)
    return report.Report(
        title="Overshoot",
        question=__doc__.partition("\n")[0],
        summary=f"Momentum overshoots by {100 * past['momentum'].mean():.0f} %.",
        claims=[
            say.mean(
                "O1",
                "Momentum runs past the minimum.",
                unit,
                100 * past["momentum"],
                above=10,
            ),
            say.mean("O2", "SGD does not.", unit, 100 * past["SGD"], below=1),
        ],
        sections=[
            report.Section(
                "The way to the minimum",
                report.Table(
                    ("rule", unit), [(name, 100 * x) for name, x in past.items()]
                ),
                report.Curves(
                    "distance",
                    {name: (updates, x) for name, x in found.distance.items()},
                    ("updates", "distance along the flat direction"),
                    caption="Distance to the minimum.",
                ),
            )
        ],
    )
