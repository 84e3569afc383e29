"""The limit of gradient descent in a valley whose minima have every curvature."""

from typing import NamedTuple

import numpy as np

from lec7 import problems, report, update_rules

SPAN = (0.6, 1.6)  # of the curvature at the end of gradient flow, over the limit
POINTS = 26  # curvatures in the span
OFF = (0.5, 1.5)  # of x y at the start; at 1 a start would be a minimum already
ARRIVED = 1e-6  # distance of x y from 1 at which a minimum is reached


class Descents(NamedTuple):
    """Where gradient descent ended, by where gradient flow would have."""

    limit: float
    """2 / a."""
    flow: np.ndarray
    """Curvature of the minimum that gradient flow reaches [T]."""
    descent: np.ndarray
    """Curvature of the minimum that gradient descent reached [M, T]; NaN if none."""


def measure(seed: int, *, rate: float, starts: int, updates: int) -> Descents:
    """Descend from starts whose gradient flow ends at known curvatures."""
    limit = 2 / rate
    flow = np.maximum(limit * np.linspace(*SPAN, POINTS), 2)
    losses = problems.hyperbola.draw(seed, flow, count=starts, product=OFF)
    path = problems.descend(update_rules.sgd(rate), losses, updates)
    ends = path.points[:, -1].reshape(starts, POINTS, 2)
    with np.errstate(over="ignore", invalid="ignore"):
        arrived = np.abs(np.prod(ends, axis=-1) - 1) < ARRIVED
        curvatures = problems.hyperbola.curvature(ends)
    return Descents(limit, flow, np.where(arrived, curvatures, np.nan))


def claim(found: Descents) -> report.Claim:
    """Decide whether descents end below the limit, where the flow ends above."""
    say = report.Claims(
        source="closed form: a minimum with x² + y² > 2 / rate is unstable",
        figure="valley",
        kind="identity",
    )
    beyond = found.descent[:, found.flow > found.limit]
    return say.share(
        "edge.valley",
        "On (xy − 1)² / 2, where gradient flow would end above the limit, gradient "
        "descent ends below it.",
        "share of starts",
        (beyond <= found.limit).ravel(),
        above=0.95,
    )


def section(found: Descents) -> report.Section:
    """Show where the descents ended against where the flow ends."""
    flow = found.flow / found.limit
    return report.Section(
        "A valley of two parameters",
        "The minima of (xy − 1)² / 2 lie on xy = 1 and have the curvature x² + y². "
        "Gradient flow keeps x² − y² and so ends at a known one. Gradient descent "
        "cannot end where the curvature is above 2 / rate: it leaves for a flatter "
        "minimum of the same valley.",
        report.Curves(
            "valley",
            {
                "gradient descent": (flow, found.descent / found.limit),
                "gradient flow": (flow, flow),
            },
            (
                "curvature where gradient flow ends / limit",
                "curvature at the end / limit",
            ),
            levels={"limit": 1.0},
            band="Median over starts, in a band from the lowest to the highest.",
            caption="Largest curvature of the minimum that was reached, over 2 / rate. "
            "Below the line of gradient flow, descent has found a flatter one.",
        ),
    )
