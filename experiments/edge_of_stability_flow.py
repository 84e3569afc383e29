"""Gradient flow beside gradient descent: the control that no rate holds back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments.edge_of_stability_rules import COHEN, DESCENT, FLOW
from lec7 import report

if TYPE_CHECKING:
    from experiments.edge_of_stability import Edge

Edges = Mapping[str, Mapping[float, "Edge"]]
Curve = tuple[np.ndarray, np.ndarray]
"""Time [T] and top eigenvalue [M, T]."""


def curves(edges: Edges) -> dict[str, Curve]:
    """Return the flow and the descents against time, which is rate x updates."""
    (step, flow), *_ = edges[FLOW].items()
    descents = {
        f"descent, rate {rate:g}": (rate * edge.updates, edge.sharpness)
        for rate, edge in sorted(edges[DESCENT].items())
    }
    return {FLOW: (step * flow.updates, flow.sharpness), **descents}


def at(curve: Curve, time: float) -> np.ndarray:
    """Return the values [M] of a curve at a time, between two looks on the chord."""
    times, values = curve
    return np.array([np.interp(time, times, row) for row in values])


def claims(edges: Edges) -> list[report.Claim]:
    """Decide whether the flow stays stable, and which descents follow it."""
    say = report.Claims(source=COHEN, figure="flow")
    (flow,) = edges[FLOW].values()
    (times, values), free, *_, fast = curves(edges).values()
    return [
        say.mean(
            "edge.flow",
            "Gradient flow stays below the limit of its Runge-Kutta steps.",
            "top eigenvalue / limit, the highest of the training",
            flow.ratio.max(axis=1),
            below=1,
        ),
        say.ratio(
            "edge.flow_followed",
            "Far below its limit gradient descent goes where gradient flow goes.",
            "top eigenvalue after the same time, gradient descent / flow",
            (at(free, times[-1]), values[:, -1]),
            above=0.95,
            below=1.05,
        ),
        say.ratio(
            "edge.flow_left",
            "At the edge gradient descent leaves the flow for flatter places.",
            "top eigenvalue after the same time, gradient flow / descent",
            (values[:, -1], at(fast, times[-1])),
            above=1,
        ),
    ]


def section(edges: Edges) -> report.Section:
    """Show the top eigenvalue against time."""
    shown = curves(edges)
    end = shown[FLOW][0][-1]
    return report.Section(
        "Gradient flow, which has no edge",
        "Gradient flow, dw/dt = -g(w), is stable at any curvature. It is followed by "
        "the method of Runge and Kutta of fourth order, whose steps are short enough "
        "for what the flow meets. An update of gradient descent at the rate a stands "
        "for the time a.",
        report.Table(
            ("way", f"top eigenvalue at time {end:g}"),
            [(name, at(curve, end)) for name, curve in shown.items()],
            "Mean ± standard deviation over seeds.",
        ),
        report.Curves(
            "flow",
            {
                name: (times[times <= end], values[:, times <= end])
                for name, (times, values) in shown.items()
            },
            ("time, rate x updates", "top eigenvalue of the Hessian"),
            caption="The top eigenvalue after the same time: where curves part, "
            "gradient descent has left the flow.",
        ),
    )
