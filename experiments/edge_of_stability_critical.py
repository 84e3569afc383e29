"""Critical sharpness along the trainings: the edge seen from losses alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import chex
import jax
import numpy as np

from lec7 import report, sharpness

if TYPE_CHECKING:
    from experiments.edge_of_stability import Edge

NEAR = (0.8, 1.2)  # of critical sharpness over the limit, to count as near


def measure(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Sequence[Any],
    *,
    direction: chex.ArrayTree,
    top: float,
) -> float:
    """Return 2 / eta_c along a direction, searched from the step 2 / `top`."""
    found = sharpness.critical_sharpness(
        loss_fn,
        params,
        batches,
        key=jax.random.key(0),
        direction=direction,
        guess=2 / top,
    )
    return found.value


def share(edge: "Edge") -> np.ndarray:
    """Return critical sharpness over the top eigenvalue [M, T]."""
    return edge.critical / edge.sharpness


def claims(fast: "Edge", free: "Edge") -> list[report.Claim]:
    """Decide whether critical sharpness tells the edge from the way there."""
    say = report.Claims(source="Kalra et al. 2026, arXiv:2601.16979", figure="critical")
    low, high = NEAR
    return [
        say.mean(
            "critical.edge",
            "At the edge of gradient descent critical sharpness is near the limit.",
            "critical sharpness / limit, last quarter",
            fast.late(fast.critical / fast.limit).mean(axis=1),
            above=low,
            below=high,
        ),
        say.mean(
            "critical.free",
            "Far below the limit, where the gradient lies in other directions too, "
            "it is less than half of the top eigenvalue.",
            "critical sharpness / top eigenvalue, last quarter",
            free.late(share(free)).mean(axis=1),
            below=0.5,
        ),
    ]


def section(
    edges: Mapping[str, Mapping[float, "Edge"]], fast: "Edge", free: "Edge"
) -> report.Section:
    """Show critical sharpness beside the top eigenvalue."""
    return report.Section(
        "The edge from losses alone",
        "Critical sharpness is 2 over the smallest step along the gradient that raises "
        "the loss; for Adam, along P⁻¹ g. It takes about six losses and no Hessian. "
        "On a quadratic it is the Rayleigh quotient of the gradient, so it lies below "
        "the top eigenvalue, and meets it where the gradient turns into the top "
        "eigenvector. That is what happens at the edge of gradient descent; the table "
        "shows under which other rules it does.",
        report.Table(
            ("rule, rate", "critical sharpness", "over top eigenvalue", "over limit"),
            [
                (
                    f"{rule}, {rate:g}",
                    edge.late(edge.critical).mean(axis=1),
                    edge.late(share(edge)).mean(axis=1),
                    edge.late(edge.critical / edge.limit).mean(axis=1),
                )
                for rule, of in edges.items()
                for rate, edge in of.items()
            ],
            "Means over the last quarter of the training; mean ± standard deviation "
            "over seeds.",
        ),
        report.Curves(
            "critical",
            {
                "at the edge": (fast.updates, share(fast)),
                "far below the limit": (free.updates, share(free)),
            },
            ("updates", "critical sharpness / top eigenvalue"),
            levels={"equal": 1.0},
            caption="Critical sharpness over the top eigenvalue, under gradient "
            "descent at its highest and at its lowest rate.",
        ),
    )
