"""Descents on losses of two parameters: the rules that go there, and the pictures."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lec7 import problems, report, runs, update_rules

# The rules of first order, each by its learning rate alone.
RULES: Mapping[str, problems.MakeRule] = {
    "SGD": update_rules.sgd,
    "momentum": update_rules.momentum,
    "Nesterov": update_rules.nesterov,
    "AdaGrad": update_rules.adagrad,
    "RMSProp": update_rules.rmsprop,
    "Adam": update_rules.adam,
}


def draws(seeds: Sequence[int], each: int) -> tuple[int, ...]:
    """Return all that is drawn, `each` for every seed, by numbers of their own."""
    return tuple(each * seed + place for seed in seeds for place in range(each))


def check_shells(low: float, high: float, equal_rate: float) -> None:
    """Refuse a range of condition numbers or a rate that cannot be."""
    if not low < high:
        raise ValueError(f"low is {low:g} and high {high:g}; expected low < high")
    if not equal_rate < 2:
        raise ValueError(
            f"equal_rate is {equal_rate}; expected less than 2, at which SGD diverges"
        )


def settle(
    context: runs.Context,
    rules: Mapping[str, problems.MakeRule],
    losses: problems.Family,
    steps: int,
    *,
    rates: np.ndarray,
    fraction: float,
) -> dict[str, problems.Tuned]:
    """Tune every rule to settle soonest, below a fraction of the first loss."""

    def score(losses):
        return problems.updates_to_settle(losses, fraction)

    tuned = {}
    with context.progress.task("tuning", len(rules), unit="rule") as task:
        for name, make_rule in rules.items():
            tuned[name] = problems.tune(
                make_rule, losses, steps, rates=rates, score=score
            )
            task.update(len(tuned))
    return tuned


class Panel(NamedTuple):
    """What several rules do on one problem."""

    ground: report.Landscape
    minima: np.ndarray
    """[K, 2]."""
    paths: Mapping[str, problems.Path]
    """Rule -> its path."""

    @property
    def plane(self) -> report.Plane:
        """The panel as figures draw it."""
        return report.Plane(landscape=self.ground, paths=self.paths, minima=self.minima)


def panel(problem: problems.Problem, paths: Mapping[str, problems.Path]) -> Panel:
    """Return the panel of a problem."""
    minima = np.reshape(problem.minima, (-1, 2))
    return Panel(landscape(problem), minima, paths)


def landscape(problem: problems.Problem, *, resolution: int = 121) -> report.Landscape:
    """Return a problem as figures draw it.

    Figures space contours by the logarithm of the loss, so it is given above the lowest
    loss in sight, and no less than a ten-thousandth of the highest.
    """
    x, y, losses = problem.grid(resolution)
    heights = losses - min(losses.min(), 0.0)
    return report.Landscape(
        x=x,
        y=y,
        losses={problem.name: np.maximum(heights, 1e-4 * heights.max())},
        x_label="x",
        y_label="y",
        loss_label="loss" if losses.min() >= 0 else "loss above the lowest in sight",
    )


def section(
    panels: Mapping[str, Panel], *, heading: str, text: str, shown: str
) -> report.Section:
    """Show descents, by their titles, as a picture and as a replay."""
    planes = {title: of.plane for title, of in panels.items()}
    still = report.Trajectories("trajectories", planes, caption=shown)
    return report.Section(
        heading,
        text,
        still,
        report.Replay(
            "replay",
            still,
            caption=f"{shown} Step by step, with what the rules remember.",
        ),
    )


def relief(
    name: str, of: Panel, rules: Sequence[str], *, caption: str
) -> report.Surface:
    """Show what some rules do on one problem, each on a surface of its own.

    The problem's lowest loss is zero.
    """
    (losses,) = of.ground.losses.values()
    paths = {
        rule: (
            *of.paths[rule].points.T,
            np.maximum(of.paths[rule].losses, losses.min()),
        )
        for rule in rules
    }
    ground = dataclasses.replace(of.ground, losses=dict.fromkeys(rules, losses))
    return report.Surface(name, ground, caption=caption, paths=paths)


def playground(still: report.Trajectories) -> report.Section:
    """Let the reader set the rules going; `still` stands in print in their place."""
    return report.Section(
        "Playground",
        "Eight losses of two parameters, seven rules, and a start, a rate and a "
        "momentum of your choice. The best rate, of 81 from 0.0001 to 10, is that at "
        "which a rule settles soonest and never leaves the picture; one rate for all "
        "is the best of SGD. On the saddles, which have no minimum, all rates begin at "
        "0.05.",
        report.Playground(
            "playground",
            still,
            problems.PROBLEMS,
            caption="What the rules do from a start and at rates of the reader's "
            "choice.",
        ),
    )
