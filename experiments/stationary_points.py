"""Which minima does analysis find, and which does gradient descent reach?

Where the formula is known, a minimum is where the first derivative is zero and the
second positive. A seed draws a polynomial, whose derivative has roots that can be had,
and a function like Himmelblau's, whose gradient is two cubics that Newton's method
solves from a grid. Beside that, gradient descent starts from many points, and what it
reaches is compared: where it ends, how many minima it finds, and how often the lowest.

Run: python launch.py --experiment=stationary_points

Expected: 1 minute on two CPU cores; of 6 empirical claims 5 are supported. Descent ends
in minima alone; one start finds the global minimum of a polynomial in 28 % of the
cases, and 16 starts find all minima in 91 %, for which more than 95 % were claimed.
Himmelblau's function has nine stationary points, four of them minima.

Source: introductions to gradient descent and to optimisation (D01, D04)

Data: none
"""

import dataclasses
import functools
from typing import Annotated, NamedTuple

import numpy as np

from experiments import descents
from experiments import stationary_points_line as line
from experiments import stationary_points_plane as plane
from lec7 import report, runs

SMALL = {
    "seeds": (0,),
    "each": 2,
    "starts": 3,
    "steps": 20,
    "valley_steps": 20,
    "shown": 5,
    "side": 3,
    "resolution": 5,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """What is analysed and descended."""

    seeds: runs.Draws = (0, 1, 2, 3)  # of the functions, at least 1
    each: runs.Several = 50  # functions of each kind that each seed draws
    starts: runs.Several = 16  # descents on each function
    # updates on a polynomial, at the rate 1 / largest curvature
    steps: runs.Count = 5_000
    rate: runs.Positive = 0.005  # step size on the functions like Himmelblau's
    valley_steps: runs.Count = 600  # updates on these
    shown: runs.Count = 60  # updates of the paths in the pictures
    side: Annotated[int, runs.side(2)] = 9  # starts along a side of the pictures
    resolution: Annotated[int, runs.side(2)] = 81  # starts along a side of the map

    @property
    def draws(self) -> tuple[int, ...]:
        """All that is drawn, `each` for every seed, by numbers of their own."""
        return descents.draws(self.seeds, self.each)


class Findings(NamedTuple):
    """What analysis finds, and where descents end."""

    lines: line.Lines
    planes: plane.Planes
    himmelblau: plane.Himmelblau


def run(config: Config, context: runs.Context) -> Findings:
    """Analyse and descend."""
    with context.phase("polynomials"):
        lines = line.descend(config.draws, config.starts, config.steps)
    with context.phase("valleys"):
        return Findings(lines, plane.explore(config), plane.himmelblau(config))


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    lines, planes, himmelblau = found
    claims = report.family(
        [
            line.analysis_claim(config, lines),
            plane.analysis_claim(planes),
            *line.descent_claims(config, lines),
            *plane.start_claims(planes),
        ]
    )
    return report.Report(
        title="Stationary points",
        summary=_summary(config, claims, himmelblau.found),
        claims=claims,
        deciding="found_by_starts",
        sections=[
            line.on_a_line(config, lines),
            line.many_starts(config, lines),
            plane.in_a_plane(config, himmelblau),
            plane.from_where(config, himmelblau),
            plane.others(planes),
        ],
    )


def _summary(config, claims, himmelblau):
    told = functools.partial(report.by_verdict, claims)
    kinds = np.bincount(himmelblau.negative, minlength=3)
    few = "only {percent}", "{percent}", "about {percent}"
    many = "{percent}", "only {percent}", "about {percent}"
    return (
        "Analysis finds every minimum of a polynomial; gradient descent finds the "
        f"global one in {told('D01.global', *few)} of the cases from one start, and "
        f"all of them in {told('D01.numerically', *many)} from {config.starts} starts."
        "\n\nThe roots of the derivative are all stationary points, and the second "
        "derivative tells which of them are minima. Gradient descent "
        + told("D01.descent", "ends", "does not always end", "is not shown to end")
        + " in these alone."
        f"\n\nHimmelblau's function has {len(himmelblau.points)} stationary points: "
        f"{kinds[0]} minima, {kinds[1]} saddles and {kinds[2]} maximum. Which minimum "
        "is reached "
        + told("D04", "depends", "does not much depend", "may depend")
        + " on the start: two starts end in different ones with a share of "
        f"{report.effects(claims)['D04']}."
    )
