"""How many updates the rules need until the loss has settled."""

import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np

from experiments import conditioning_noise as noise
from lec7 import problems, report

if TYPE_CHECKING:
    from experiments.conditioning import Config, Findings

# id -> time, statement, rules whose updates are compared, claimed range
COMPARED = {
    "L15": (
        "0:28:34",
        "Nesterov shines on a convex problem: it needs fewer updates than SGD, each at "
        "its best rate.",
        ("Nesterov", "SGD"),
        {"below": 1},
    ),
    "L15.momentum": (
        "0:28:34",
        "Nesterov shines on a convex problem: it needs fewer updates than momentum, "
        "each at its best rate.",
        ("Nesterov", "momentum"),
        {"below": 1},
    ),
    "L27.alike": (
        "0:37:34",
        "With a larger rate AdaGrad behaves like RMSProp: each at its best rate, they "
        "settle within a factor of two of each other.",
        ("AdaGrad", "RMSProp"),
        {"above": 0.5, "below": 2},
    ),
}
say = functools.partial(report.Claims, figure="settling")


def claims(config: "Config", found: "Findings") -> list[report.Claim]:
    """Decide which rules are quick, and at which decay of the velocity."""
    last = {name: path.losses[:, -1] for name, path in found.equal.items()}
    return [
        say(source="lecture, 0:17:00", untested=_unsettled(config, found.harder)).ratio(
            "L01.creeps",
            "SGD creeps: four times the condition number costs it more than twice the "
            "updates, its rate tuned to both.",
            "updates, 4 k / k",
            (found.harder, found.steps["SGD"]),
            above=2,
        ),
        *(
            say(
                source=f"lecture, {time}",
                untested=_unsettled(config, *(found.steps[name] for name in pair)),
            ).ratio(
                id,
                statement,
                f"updates, {' / '.join(pair)}",
                tuple(found.steps[name] for name in pair),
                **ends,
            )
            for id, (time, statement, pair, ends) in COMPARED.items()
        ),
        say(source="lecture, 0:37:34").mean(
            "L27.unfair",
            "Pictures at the same rate are unfair: more than a tenth of the pairs of "
            "rules change places when every rule has its best rate.",
            "% of the pairs",
            100 * _swapped(last, found.steps),
            above=10,
        ),
        *_velocity(config, found),
    ]


def _unsettled(config, *steps):
    """Say that updates to settle are a cap, where a descent has not."""
    if np.max(steps) < config.most_steps:
        return None
    return f"not every descent settles in {config.most_steps:,} updates"


def _velocity(config, found):
    return [
        say(
            source="lecture, 0:23:32",
            figure="decay_of_velocity",
            untested=_unsettled(config, found.decays[0.9]),
        ).ratio(
            "L09",
            "A decay of about 0.9 is good: 0.9 needs less than twice the updates of "
            "the best of six decays, the rate tuned to each.",
            "updates, 0.9 / best",
            (found.decays[0.9], np.min(list(found.decays.values()), axis=0)),
            below=2,
        ),
        say(source="lecture, 0:25:16", figure="losses_equal").ratio(
            "L11",
            "Momentum speeds up the flat direction: at the same rate it is half the "
            "way along the valley sooner than SGD.",
            "updates, momentum / SGD",
            [problems.updates_to_halve(found.equal[n]) for n in ("momentum", "SGD")],
            below=1,
        ),
        # A geometric sum of gradients that have one sign and fall.
        say(source="lecture, 0:26:39", figure="losses_equal", kind="identity").mean(
            "L13",
            "The velocity grows past the gradient, but not past 1 / (1 − 0.9) of it: "
            "its peak along the valley.",
            "peak velocity / peak gradient",
            found.peaks / np.abs(found.equal["momentum"].points[:, 0, 0]),
            above=1,
            below=10,
        ),
    ]


def _swapped(first, second):
    """Return the share of pairs of rules that two measures put in opposite orders."""
    opposite = [
        np.sign(first[a] - first[b]) * np.sign(second[a] - second[b]) < 0
        for a, b in itertools.combinations(first, 2)
    ]
    return np.mean(opposite, axis=0)


def section(config: "Config", found: "Findings") -> report.Section:
    """Show updates until the loss has settled, and the losses on the way."""
    losses = {
        "losses_equal": (found.equal, "one rate for all"),
        "losses_tuned": (found.best, "each at its best rate"),
    }
    return report.Section(
        "Speed",
        "AdaGrad's steps shrink as its sum of squares grows. So its rate may be as "
        "long as the valley, and it settles all the same. RMSProp's steps do not "
        "shrink: its rate must be as small as what it is to settle at, and then the "
        "way there is long.",
        report.Table(
            ("rule", "best rate × k", "best rate", "updates to settle"),
            [
                (name, tuned.best * found.conditions, tuned.best, tuned.least)
                for name, tuned in found.tuned.items()
            ],
            "Mean ± standard deviation over shells.",
        ),
        noise.by_condition(
            "settling",
            found.conditions,
            found.steps,
            "updates to settle",
            f"Updates until the loss stays below {config.fraction:g} of the first, "
            f"each rule at the best of {config.rates} rates for the shell. A shell has "
            f"a start of its own. At most {config.most_steps:,}.",
        ),
        *(
            report.Curves(
                name,
                {
                    rule: noise.shares(path.losses, first=0)
                    for rule, path in paths.items()
                },
                ("updates", "loss / first loss"),
                log="y",
                band=noise.SHELLS,
                caption=f"Loss along the descents, {rates}, cut at 10⁻⁸.",
            )
            for name, (paths, rates) in losses.items()
        ),
    )


def decays(found: "Findings") -> report.Curves:
    """Draw the updates against the decay of the velocity."""
    steps = np.stack(list(found.decays.values()), axis=1)
    return report.Curves(
        "decay_of_velocity",
        {"momentum": (list(found.decays), steps)},
        ("decay of the velocity", "updates to settle"),
        log="y",
        band=noise.SHELLS,
        caption="Momentum with six decays of the velocity, the rate tuned to each on "
        "every shell: the lower, the better the decay.",
    )
