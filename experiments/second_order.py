"""Does a second-order step land nearer the minimum, and what does it cost and need?

Newton's step is compared with a gradient step of the best length, near minima and far
from them; then Newton, Newton with half a step, and rules with a line search go from
random starts. The Hessians of growing networks are formed and inverted, and what is
measured is extrapolated. Last, L-BFGS trains on all examples and on mini-batches
against rules of first order that are tuned alike, all given as many gradients.

Run: python launch.py --experiment=second_order

Expected: 3 minutes on two CPU cores; of 9 empirical claims 5 are supported, 2
contradicted, 1 inconclusive and 1 untested. Far from the minimum Newton's step ends
farther from it than a gradient step, half of it reaches a minimum hardly more often
than all of it, and L-BFGS with full batches ends lower on a network than rules of first
order; on a convex loss, these take the highest of their rates, which decides nothing.

Source: lecture, 0:47:24 to 0:50:29 (L40 to L44); Nocedal and Wright 2006, Numerical
optimization, chapters 3, 6 and 7.

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from experiments import second_order_budgets as budgets
from experiments import second_order_hessians as hessians
from experiments import second_order_steps as steps
from experiments import training
from lec7 import data, report, runs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """What is stepped on, measured and trained."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(10))  # trainings of a rule, at least 2
    draws: runs.Several = 10  # independent sets of starts on the surfaces, at least 2
    starts: runs.Count = 20  # starts of a set on each surface
    near: runs.Positive = 0.01  # least distance of a single step's start
    far: runs.Positive = 3.0  # greatest such distance from the minimum
    steps: runs.Count = 100  # updates from a random start
    tolerance: runs.Positive = 1e-3  # distance at which a minimum is reached
    # hidden units of measured networks
    widths: Annotated[
        tuple[int, ...],
        runs.Range(
            "two or more different ones, each >= 1",
            lambda widths: len(set(widths)) == len(widths) > 1 and min(widths) >= 1,
        ),
    ] = (8, 16, 32)
    times: runs.Count = 3  # that a Hessian is formed and inverted
    memory: runs.Positive = 141.0  # of one accelerator, GB
    width: runs.Count = 32  # hidden units of the trained network
    batch_size: runs.Count = 32  # examples of a mini-batch
    passes: runs.Count = 100  # gradients of the training set, on full batches
    batch_passes: runs.Count = 20  # gradients of the training set, in mini-batches
    # rules compared with
    first_order: runs.Some[tuple(budgets.FIRST_ORDER)] = tuple(budgets.FIRST_ORDER)
    rates: runs.Count = 6  # learning rates that each rule of first order is tuned over

    def _check(self):
        if not self.near < self.far:
            raise ValueError(
                f"near is {self.near:g} and far {self.far:g}; expected near < far"
            )


SMALL = {
    "seeds": (0, 1),
    "draws": 2,
    "starts": 2,
    "steps": 6,
    "widths": (1, 2),
    "times": 1,
    "width": 4,
    "batch_size": 128,
    "passes": 4,
    "batch_passes": 2,
    "rates": 2,
    "first_order": ("momentum",),
}


class Findings(NamedTuple):
    """All that was measured."""

    steps: steps.Steps
    timed: hessians.Timed
    trained: Mapping[str, Mapping[str, budgets.Descent]]
    """Task -> rule -> trainings."""


def run(config: Config, context: runs.Context) -> Findings:
    """Take the steps, measure the Hessians, and train."""
    with context.phase("data"):
        dataset = data.standardise(data.load(config.dataset))
        training.require_dense(config.widths, dataset)
    with context.phase("steps"):
        stepped = steps.measure(config, context)
    with context.phase("Hessians"):
        timed = hessians.measure(config, context, dataset)
    with context.phase("training"):
        trained = budgets.measure(config, context, dataset)
    return Findings(stepped, timed, trained)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = report.family(
        [
            *steps.claims(found.steps),
            *hessians.claims(config, found.timed),
            *budgets.claims(config, found.trained),
        ]
    )
    return report.Report(
        title="Second-order rules",
        summary=_summary(claims),
        claims=claims,
        sections=[
            *steps.sections(found.steps),
            hessians.section(found.timed),
            *[budgets.section(*trained) for trained in found.trained.items()],
        ],
    )


def _summary(claims):
    told, effects = functools.partial(report.by_verdict, claims), report.effects(claims)
    near, far = (
        told(id, "nearer to", "farther from", "not clearly nearer to")
        for id in ("L40", "L40.far")
    )
    half, searched = (
        told(id, "more often", "less often", "not clearly more often")
        for id in ("L41", "L41.searched")
    )
    convex, network, stochastic = (
        told(id, *words, "not clearly lower or higher")
        for id, words in (
            ("L44", ("lower", "higher")),
            ("L43.nonconvex", ("higher", "lower")),
            ("L43", ("higher", "lower")),
        )
    )
    return (
        f"Newton's step ends {near} a close minimum than the best gradient step, "
        f"and {far} a distant one, but the Hessian of {hessians.SMALLEST} takes "
        f"{effects['L42']} times the memory of an accelerator."
        f"\n\nThis machine would take {effects['L42.seconds']} years to invert it."
        f"\n\nHalf of Newton's step reaches a minimum {half} than all of it, a line "
        f"search along the direction of Newton-CG {searched} (by {effects['L41']} and "
        f"{effects['L41.searched']} points of all starts)."
        "\n\nAfter as many gradients as the best rule of first order, L-BFGS ends "
        f"{convex} on a convex loss with all examples, {network} on a network's, and "
        f"{stochastic} with mini-batches."
    )
