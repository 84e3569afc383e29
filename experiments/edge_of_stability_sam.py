"""The edge of SAM, which moves with the gradient."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments.edge_of_stability_rules import BAND, DESCENT, RULES, SAM, Constants
from lec7 import report

if TYPE_CHECKING:
    from experiments.edge_of_stability import Edge


def descent_limit(rate: float) -> float:
    """Return what gradient descent can bear at a rate, 2 / a."""
    return float(RULES[DESCENT].limit(rate, Constants(), 0.0))


def claim(edges: Mapping[float, "Edge"]) -> report.Claim:
    """Decide whether SAM ends below the limit of gradient descent."""
    say = report.Claims(source=RULES[SAM].source, figure="sam")
    ratios = [
        edge.late(edge.sharpness).mean(axis=1) / descent_limit(rate)
        for rate, edge in edges.items()
    ]
    return say.mean(
        "edge.sam_descent",
        "SAM ends well below what gradient descent can bear at the same rate.",
        "top eigenvalue / (2 / rate), last quarter",
        np.mean(ratios, axis=0),
        below=BAND[0],
    )


def section(rho: float, edges: Mapping[float, "Edge"]) -> report.Section:
    """Show the top eigenvalue under SAM between its own edge and 2 / a."""
    rate, edge = max(edges.items())
    return report.Section(
        "The edge of SAM",
        "SAM descends by the gradient at w + r g / |g|. Along an eigenvector of the "
        "curvature h that gradient is 1 + r h / |g| times as large, so an update "
        "overshoots by as much as it corrects where a h (1 + r h / |g|) = 2. As the "
        "gradient shrinks, so does the curvature that solves this, in the end like "
        "the root of 2 |g| / (a r).",
        report.Curves(
            "sam",
            {
                "top eigenvalue": (edge.updates, edge.sharpness),
                "edge of SAM": (edge.updates, edge.limit),
            },
            ("updates", "curvature"),
            levels={f"2 / rate, of descent at {rate:g}": descent_limit(rate)},
            caption=f"Top eigenvalue under SAM with r = {rho:g} at its highest rate, "
            "and the edge at the gradient of the same look.",
        ),
    )
