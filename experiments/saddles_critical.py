"""Random critical points, and random symmetric matrices in the place of their Hessians.

What is sampled is the critical point at which Newton's method, its steps no longer than
1, arrives from a uniform random point, on a function drawn anew for every start. So a
critical point is found with a probability in proportion to its basin, not all are with
the same. Starts from which Newton's method does not arrive are left out.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import optax

from lec7 import problems, report, update_rules
from lec7.problems import random_waves

if TYPE_CHECKING:
    from experiments import saddles

STEPS = 100  # updates of Newton's method
RULE = optax.chain(update_rules.newton(), optax.clip_by_global_norm(1.0))


class Points(NamedTuple):
    """What critical points and matrices are, by number of parameters."""

    saddles: Mapping[int, np.ndarray]
    """Whether a critical point is a saddle [n]."""
    minima: Mapping[int, np.ndarray]
    """Whether it is a minimum [n]."""
    drawn: Mapping[int, np.ndarray]
    """Which of the N draws it is of [n]."""
    indefinite: Mapping[int, np.ndarray]
    """Whether a matrix has eigenvalues of both signs."""


def find(config: "saddles.Config") -> Points:
    """Find critical points, and draw matrices."""
    draws, points = config.draws, Points({}, {}, {}, {})
    for size in config.dimensions:
        losses = random_waves.on_starts(draws, size, config.functions)
        found = problems.critical_points(RULE, losses, STEPS)
        values = found.eigenvalues[found.arrived]
        points.saddles[size] = random_waves.is_saddle(values)
        points.minima[size] = random_waves.is_minimum(values)
        of_draw = np.repeat(np.arange(len(draws)), config.functions)
        points.drawn[size] = of_draw[found.arrived]
        points.indefinite[size] = random_waves.is_saddle(
            random_waves.gaussian_eigenvalues(draws, size, config.matrices)
        )
    return points


def claims(config: "saddles.Config", points: Points) -> list[report.Claim]:
    """Decide whether saddles are everywhere."""
    say = report.Claims(source="lecture, 0:19:48", figure="saddles_by_dimension")
    # The signs of a symmetric matrix follow from the law of its eigenvalues.
    known = dataclasses.replace(say, kind="identity")
    size = max(config.dimensions)
    return [
        say.share(
            "L05",
            "Local minima are rare and saddles are everywhere: more than 99 % of the "
            f"critical points found on random functions of {size} parameters are "
            "saddles.",
            "share of critical points",
            points.saddles[size],
            above=0.99,
        ),
        _grows(config, points, say),
        known.share(
            "L05.gaussian",
            f"More than 99 % of random symmetric {size} × {size} matrices have "
            "eigenvalues of both signs.",
            "share of matrices",
            points.indefinite[size],
            above=0.99,
        ),
    ]


def _grows(config, points, say):
    """Decide whether saddles become more, of two parameters on: of one none can be."""
    sizes = [size for size in config.dimensions if size > 1]
    shares = [
        [
            points.saddles[size][points.drawn[size] == draw].mean()
            for draw in range(len(config.draws))
        ]
        for size in sizes
    ]
    if len(sizes) < 2:
        why = f"{len(sizes)} of the sizes is above 1; expected two or more"
        say, slopes = dataclasses.replace(say, untested=why), []
    else:
        slopes = np.polyfit(np.log10(sizes), shares, 1)[0]
    return say.mean(
        "L05.grows",
        "The share of saddles grows with the number of parameters, from two on.",
        "share for ten times the parameters",
        slopes,
        above=0,
    )


def section(config: "saddles.Config", points: Points) -> report.Section:
    """Show how the share of saddles grows with the number of parameters."""
    sizes = np.array(sorted(config.dimensions))
    kinds = {
        "critical points of random functions": points.saddles,
        "random symmetric matrices": points.indefinite,
    }
    starts = len(config.draws) * config.functions
    return report.Section(
        "Saddles everywhere",
        f"A random function is a sum of {random_waves.WAVES} waves on a torus, "
        "`Σ a cos(k · x + p)`, with normal amplitudes a, uniform phases p and integer "
        f"wave vectors k with entries from −{random_waves.HIGHEST} to "
        f"{random_waves.HIGHEST}. On each of {starts:,} functions of a size one "
        "critical point is sampled: that at which Newton's method, its steps no longer "
        "than 1, arrives from a uniform random point. Points with wide basins are so "
        "found more often than others; starts from which it does not arrive within "
        f"{STEPS} updates are left out. On a torus no critical point of a function of "
        "one parameter is a saddle, and with two parameters exactly half of all are."
        "\n\nThe matrices are symmetric with independent normal entries (the Gaussian "
        "orthogonal ensemble), as if a Hessian had no preferred sign. Of them `1 / "
        "√2` = 70.7 % are indefinite with two parameters, and `1/2 + √2 / π` = 95.0 % "
        "with three.",
        report.Table(
            ("parameters", "critical points", "saddles (%)", "minima (%)")
            + ("indefinite matrices (%)",),
            [
                (f"{size}", f"{len(points.saddles[size]):,}")
                + tuple(
                    f"{100 * kind[size].mean():.1f}"
                    for kind in (points.saddles, points.minima, points.indefinite)
                )
                for size in sizes.tolist()
            ],
        ),
        report.Curves(
            "saddles_by_dimension",
            {
                name: (sizes, 100 * report.shares([of[s] for s in sizes.tolist()]))
                for name, of in kinds.items()
            },
            ("parameters", "saddles (%)"),
            log="x",
            caption="Share of saddles among critical points, and of matrices with "
            "eigenvalues of both signs.",
            band="In their 95 % intervals.",
        ),
    )
