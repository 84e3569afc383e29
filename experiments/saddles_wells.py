"""Double wells: which rules get out of a local minimum, and what it costs them."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import descents
from lec7 import problems, report
from lec7.problems import wells

if TYPE_CHECKING:
    from experiments import saddles

NOISES = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0])
ZERO = 1e-6  # length of a gradient that counts as zero


class Wells(NamedTuple):
    """Descents from uphill of the local minima of N wells, by rule."""

    passed: Mapping[str, np.ndarray]
    """Whether they end lower than the local minimum, at each rate [R, N]."""
    equal_passed: Mapping[str, np.ndarray]
    """The same at one rate for all [N]."""
    last: Mapping[str, np.ndarray]
    """The last losses at one rate for all [N]."""
    at_rest: np.ndarray
    """Whether the gradient is zero where SGD ends at that rate [N]."""
    shaken: np.ndarray
    """Whether SGD from the local minimum ends lower, with each of `NOISES` [L, N]."""
    loud: np.ndarray
    """Whether it does with the configured noise [N]."""
    still: np.ndarray
    """Whether it does without noise [N]."""
    remembered: Mapping[str, float]
    """How many numbers a rule remembers of each parameter."""


def descend(config: "saddles.Config") -> Wells:
    """Descend into the wells."""
    drawn = wells.draw(config.draws)
    rates = np.append(config.tuned, config.well_rate)
    count, steps = len(drawn.starts), config.well_steps
    every = problems.Family(
        drawn.function,
        np.tile(drawn.members, (rates.size, 1)),
        np.tile(drawn.starts, (rates.size, 1)),
    )
    passed, last, points = {}, {}, None
    for name, make_rule in descents.RULES.items():
        each = np.repeat(rates, count)
        path = problems.descend(make_rule, every, steps, rates=each)
        passed[name] = wells.passed(every, path).reshape(rates.size, count)
        last[name] = path.losses[-count:, -1]
        points = path.points[-count:, -1] if name == "SGD" else points
    resting = wells.resting(drawn)
    noise = draw_noise(config, steps)

    def shaken(scale):
        path = problems.descend(
            descents.RULES["SGD"],
            resting,
            steps,
            rates=2 * config.well_rate,
            noise=scale * noise,
        )
        return wells.passed(drawn, path)

    return Wells(
        passed={name: hits[:-1] for name, hits in passed.items()},
        equal_passed={name: hits[-1] for name, hits in passed.items()},
        last=last,
        at_rest=np.linalg.norm(drawn.slopes(points), axis=1) < ZERO,
        shaken=np.stack([shaken(scale) for scale in NOISES]),
        loud=shaken(config.well_noise),
        still=shaken(0.0),
        remembered={name: remembered(name) for name in descents.RULES},
    )


def draw_noise(config: "saddles.Config", steps: int) -> np.ndarray:
    """Return standard normal noise, of each draw its own [N, T, 2]."""
    return problems.draw_noise([(s, 1) for s in config.draws], steps, 2, scale=1.0)


def remembered(name: str, parameters: int = 1000) -> float:
    """Return how many numbers a rule remembers of each of its parameters."""
    state = descents.RULES[name](0.1).init(jnp.zeros(parameters))
    leaves = [leaf.size for leaf in jax.tree.leaves(state) if leaf.ndim]
    return sum(leaves) / parameters


def claims(config: "saddles.Config", found: Wells) -> list[report.Claim]:
    """Decide what stops in a local minimum, and what leaves it."""
    stops = report.Claims(source="lecture, 0:18:45", figure="wells")
    carries = report.Claims(source="lecture, 0:24:34", figure="wells")
    leaves = report.Claims(source="introduction to optimisation", figure="wells")
    counts = report.Claims(
        source="introduction to optimisation", figure="wells", kind="definition"
    )
    left = ~found.equal_passed["SGD"]
    best = {
        name: found.passed[name][found.passed[name].sum(axis=1).argmax()].astype(float)
        for name in ("SGD", "momentum")
    }
    return [
        stops.share(
            "L03",
            "At a local minimum SGD stops: descents from uphill of it end there, and "
            "the gradient is zero.",
            "share of descents",
            left & found.at_rest,
            above=0.95,
        ),
        carries.share(
            "L10",
            "Momentum carries through local minima: at the same rate, most descents "
            "that SGD ends in the local minimum end lower.",
            "share of descents",
            found.equal_passed["momentum"][left],
            above=0.5,
        ),
        leaves.paired(
            "D05",
            "Momentum leaves local minima, and more often than SGD does, each at the "
            "best of as many rates.",
            "share of descents, momentum − SGD",
            (best["momentum"], best["SGD"]),
            above=0,
        ),
        counts.exact(
            "D05.memory",
            "Momentum costs memory for the velocity: one number a parameter more than "
            "SGD.",
            "numbers a parameter",
            found.remembered["momentum"] - found.remembered["SGD"],
            above=0.999,
            below=1.001,
        ),
        *_noise_claims(config, found),
    ]


def _noise_claims(config, found):
    say = report.Claims(source="introduction to gradient descent", figure="shaken_out")
    # It starts where the gradient is zero.
    stays = dataclasses.replace(say, kind="identity")
    return [
        stays.share(
            "G03.batch",
            "With exact gradients SGD stays in a local minimum.",
            "share of descents that leave",
            found.still,
            below=0.05,
        ),
        say.share(
            "G03",
            f"Gradient noise of standard deviation {config.well_noise:g} shakes most "
            "descents out of a local minimum, and they end lower.",
            "share of descents",
            found.loud,
            above=0.5,
        ),
    ]


def section(config: "saddles.Config", found: Wells) -> report.Section:
    """Show which descents end lower than the local minimum."""
    shares = {name: passed.mean(axis=1) for name, passed in found.passed.items()}
    count = len(config.draws)
    return report.Section(
        "Out of a local minimum",
        "A rule without velocity passes a bump by steps so long that they leap over "
        "it; a velocity carries it over. Momentum pays with a number of memory for "
        "each parameter.",
        report.Table(
            ("rule", f"at rate {config.well_rate:g} (%)", "at the best rate (%)")
            + ("best rate", "memory"),
            [
                (
                    name,
                    f"{100 * found.equal_passed[name].mean():.0f}",
                    f"{100 * share.max():.0f}",
                    float(config.tuned[share.argmax()]) if share.max() else None,
                    found.remembered[name],
                )
                for name, share in shares.items()
            ],
            "Descents that end lower than the local minimum, the best rate being one "
            "for all wells; and the numbers that a rule remembers of each parameter.",
        ),
        report.Curves(
            "wells",
            {name: (config.tuned, 100 * share) for name, share in shares.items()},
            ("rate", "descents that end lower (%)"),
            log="x",
            caption="Descents from uphill of a local minimum that end beyond the bump "
            f"and lower: of {count} double wells, {config.well_steps:,} updates. A "
            "descent that diverges does not.",
        ),
        report.Curves(
            "shaken_out",
            {"SGD": (NOISES, 100 * report.shares(found.shaken))},
            ("standard deviation of the gradient noise", "descents that end lower (%)"),
            log="x",
            caption=f"SGD at rate {2 * config.well_rate:g} from the local minimum of "
            f"each of {count} double wells: share that ends beyond the bump and lower. "
            "Too much noise shakes it out of every minimum.",
            band="In its 95 % interval.",
        ),
    )
