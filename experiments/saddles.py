"""What do update rules do at saddle points and in local minima?

A seed draws a mountain pass, which is a saddle between two minima, and a double well,
which is a local minimum on the way to the global one. Six update rules descend them, at
one rate for all and each at the best of as many rates, from ever nearer to the ridge,
with and without gradient noise. Newton's method finds critical points of random
functions of ever more parameters, and a map shows which minimum is reached from where.

Run: python launch.py --experiment=saddles

Expected: 2 minutes on two CPU cores; of 21 empirical claims 18 are supported, 2
contradicted and 1 inconclusive. Momentum carries 70 % of the descents past the minimum
in which SGD ends. Once each rate is tuned to a pass, momentum of 0.9 is slower over it
than SGD, and momentum whose coefficient is tuned too the quicker one, with 0.71 times
the updates. AdaGrad stays at a saddle in 48 %, RMSProp in none.

Source: lecture, 0:18:45 to 0:35:42 (L03 to L06, L08, L10, L24, L25); introductions to
gradient descent and to optimisation (G03, D04, D05)

Data: none
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np

from experiments import (
    descents,
    saddles_critical,
    saddles_maps,
    saddles_passes,
    saddles_shrinking,
    saddles_wells,
)
from lec7 import report, runs

Sizes = Annotated[
    tuple[int, ...],
    runs.Range(
        "two or more different numbers of parameters, each >= 1",
        lambda sizes: len(set(sizes)) > 1 and min(sizes) >= 1,
    ),
]
SMALL = {
    "seeds": (0,),
    "each": 3,
    "steps": 40,
    "well_steps": 20,
    "rates": 2,
    "dimensions": (1, 2),
    "functions": 3,
    "matrices": 5,
    "resolution": 5,
    "basin_steps": 5,
    "pairs": 10,
    "shown": 5,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """What is descended, and for how long."""

    seeds: runs.Draws = (0, 1, 2, 3)  # of what is drawn, at least 1
    each: runs.Several = 50  # passes and wells that each seed draws
    rate: runs.Positive = 0.05  # step size of all rules on a pass
    # updates that a rule has to leave a pass
    steps: Annotated[int, runs.at_least(10)] = 3_000
    noise: runs.Positive = 0.01  # standard deviation of a gradient's coordinate, passes
    well_rate: runs.Positive = 0.01  # step size of all rules in a well
    well_steps: runs.Count = 1_000  # updates in a well
    # standard deviation of a gradient's coordinate in a well
    well_noise: runs.Positive = 10.0
    rates: runs.Several = 33  # step sizes that each rule is tuned over, 0.001 to 10
    dimensions: Sizes = (1, 2, 3, 4, 6, 8, 12)  # parameters, two or more
    functions: runs.Count = 10  # random functions of each size, for each pass
    matrices: runs.Count = 100  # random matrices of each size, for each pass
    # starts along a side of the map of basins
    resolution: Annotated[int, runs.side(2)] = 61
    basin_steps: runs.Count = 300  # updates from a start on the map
    pairs: runs.Count = 1_000  # random starts that are compared on the map
    shown: runs.Count = 150  # updates of the paths in the pictures

    @property
    def draws(self) -> tuple[int, ...]:
        """All that is drawn, `each` for every seed, by numbers of their own."""
        return descents.draws(self.seeds, self.each)

    @property
    def tuned(self) -> np.ndarray:
        """The step sizes that a rule is tuned over."""
        return np.geomspace(1e-3, 10.0, self.rates)


class Findings(NamedTuple):
    """All that was measured."""

    passes: saddles_passes.Passes
    shrinking: saddles_shrinking.Shrinking
    wells: saddles_wells.Wells
    critical: saddles_critical.Points
    basins: saddles_maps.Basins
    pictures: Mapping[str, saddles_maps.Pictured]
    """By the names of the problems."""


def run(config: Config, context: runs.Context) -> Findings:
    """Descend and search."""
    with context.phase("passes"):
        passes = saddles_passes.cross(config)
        shrinking = saddles_shrinking.cross(config)
    with context.phase("wells"):
        wells = saddles_wells.descend(config)
    with context.phase("critical points"):
        critical = saddles_critical.find(config)
    with context.phase("basins"):
        basins = saddles_maps.explore(config)
        pictures = saddles_maps.descend(config)
    return Findings(passes, shrinking, wells, critical, basins, pictures)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was measured."""
    claims = report.family(
        sorted(
            [
                *saddles_wells.claims(config, found.wells),
                *saddles_critical.claims(config, found.critical),
                *saddles_passes.claims(config, found.passes),
                *saddles_shrinking.claims(config, found.shrinking),
                *saddles_maps.claims(config, found.basins),
            ],
            key=lambda claim: ("LGD".index(claim.id[0]), claim.id),
        )
    )
    return report.Report(
        title="Saddle points and local minima",
        summary=_summary(config, claims),
        claims=claims,
        sections=[
            *saddles_maps.pictures(config, found.pictures),
            *saddles_passes.sections(config, found.passes, found.shrinking),
            saddles_shrinking.section(config, found.shrinking),
            saddles_wells.section(config, found.wells),
            saddles_critical.section(config, found.critical),
            saddles_maps.section(config, found.basins),
        ],
    )


def _summary(config, claims):
    told = functools.partial(report.by_verdict, claims)
    quicker = "fewer updates", "more updates", "not clearly fewer updates"
    carries = "{percent}", "only {percent}", "perhaps more than half, {percent},"
    stops = "AdaGrad may stop", "AdaGrad seldom stops", "AdaGrad perhaps stops"
    passes = {
        "L10.saddles": "at one rate",
        "L10.saddles_tuned": "with tuned rates",
        "L10.saddles_both_tuned": "with a tuned coefficient as well",
    }
    effects = report.effects(claims)
    rates = [
        f"{told(id, *quicker)} {where} ({effects[id]} times as many)"
        for id, where in passes.items()
    ]
    return (
        f"Momentum carries {told('L10', *carries)} of the descents past the local "
        f"minimum in which SGD ends; at a saddle {told('L24', *stops)}, and RMSProp "
        + told("L25", "does not.", "sometimes stops.", "is not shown to leave.")
        + "\n\nMomentum needs, to leave a mountain pass, compared with SGD, "
        f"{report.listing(rates)}. With tuned rates it "
        + told("D05", "leaves", "does not leave", "is not shown to leave")
        + " local minima more often."
        + f"\n\nAfter {config.steps:,} updates a share of "
        f"{effects['L24']} of AdaGrad's descents is still at the saddle "
        "of a pass. Of the critical points of random functions of "
        f"{max(config.dimensions)} parameters, "
        + told("L05", "more", "not more", "not clearly more")
        + " than 99 % are saddles."
    )
