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
        sections=[
            line.on_a_line(config, lines),
            line.many_starts(config, lines),
            plane.in_a_plane(config, himmelblau),
            plane.from_where(config, himmelblau),
            plane.others(planes),
        ],
    )


def _summary(config, claims, himmelblau):
    by_id, effects = {claim.id: claim for claim in claims}, report.effects(claims)

    def told(id, supported, contradicted, otherwise):
        words = {"supported": supported, "contradicted": contradicted}
        return report.by_verdict(by_id[id], **words, otherwise=otherwise)

    alone = told("D01.descent", "", "not ", "not beyond doubt ")
    one = told("D01.global", "in fewer", "in no fewer", "not beyond doubt in fewer")
    every = told("D01.numerically", "in more", "in no more", "not beyond doubt in more")
    start = told("D04", "depends", "does not much depend", "may depend")
    kinds = np.bincount(himmelblau.negative, minlength=3)
    return (
        "Roots of the derivative are all stationary points of a polynomial, and the "
        "second derivative tells which of them are minima. Gradient descent ends "
        f"{alone}in these minima alone; from one start it finds the global one {one} "
        f"than half of {len(config.draws)} polynomials ({effects['D01.global']}), from "
        f"{config.starts} starts all minima {every} than 95 % of them "
        f"({effects['D01.numerically']}). Himmelblau's function has "
        f"{len(himmelblau.points)} stationary points: {kinds[0]} minima, {kinds[1]} "
        f"saddles and {kinds[2]} maximum. Which minimum descent reaches {start} on the "
        f"start: two starts end in different ones with a share of {effects['D04']}."
    )
