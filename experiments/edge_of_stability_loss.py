"""What the loss does at the edge: it rises often, and falls all the same."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments.edge_of_stability_rules import COHEN
from lec7 import report

if TYPE_CHECKING:
    from experiments.edge_of_stability import Edge


def claims(fast: "Edge", free: "Edge") -> list[report.Claim]:
    """Decide whether the loss rises more often at the edge, and falls in the end."""
    say = report.Claims(source=COHEN, figure="loss")
    return [
        say.paired(
            "edge.rises",
            "At the edge more of the updates raise the loss than far below.",
            "points of the updates of the last quarter, highest − lowest rate",
            (rises(fast), rises(free)),
            above=0,
        ),
        say.ratio(
            "edge.falls",
            "At the edge the loss falls on, over many updates.",
            "training loss, at the end / when the limit was reached",
            (fast.losses[:, -1], at_limit(fast)),
            below=1,
        ),
    ]


def rises(edge: "Edge") -> np.ndarray:
    """Return how many of the late updates raised the loss, in %, [M]."""
    return 100 * np.mean(np.diff(edge.late(edge.losses), axis=1) > 0, axis=1)


def at_limit(edge: "Edge") -> np.ndarray:
    """Return the loss at the first look above the limit, [M]; NaN if there is none."""
    above = edge.ratio >= 1
    updates = edge.updates[above.argmax(axis=1)]
    at = np.minimum(updates, edge.losses.shape[1] - 1)
    losses = np.take_along_axis(edge.losses, at[:, None], axis=1)[:, 0]
    return np.where(above.any(axis=1), losses, np.nan)


def section(edges: Mapping[float, "Edge"]) -> report.Section:
    """Show the loss under gradient descent, by its rate."""
    return report.Section(
        "The loss at the edge",
        "An update along an unstable direction overshoots, and the loss rises. Yet it "
        "falls on over many updates.",
        report.Table(
            ("rate", "late updates that raise the loss (%)"),
            [(f"{rate:g}", rises(edge)) for rate, edge in edges.items()],
            "Of the last quarter; mean ± standard deviation over seeds.",
        ),
        report.Curves(
            "loss",
            {
                f"rate {rate:g}": (np.arange(edge.losses.shape[1]), edge.losses)
                for rate, edge in edges.items()
            },
            ("updates", "training loss"),
            log="y",
            caption="Half the squared error before every update: a jagged curve has "
            "many updates that raise the loss.",
        ),
    )
