"""One function at many places: networks of `flat_is_better` with rescaled layers."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from experiments import flat_is_better_comparison as comparison
from experiments import minima
from experiments import sharp_vs_flat_card as card
from lec7 import curvature, report, sharpness

FACTORS = (1.0, 2.0, 5.0, 10.0)  # of the first layer; the last one has the inverse
RESCALED = {
    "hessian_max": "top eigenvalue",
    card.TEN: "SAM sharpness",
    "fisher_rao": "Fisher-Rao norm",
}


class Rescaled(NamedTuple):
    """Networks without a regulariser whose layers are rescaled, by F factors."""

    sharpness: Mapping[str, np.ndarray]
    """Measure -> [F, M]."""
    losses: np.ndarray
    """Of the test set [F, M], nats."""


def measure(probe: minima.Probe, networks: Sequence[minima.Variables]) -> Rescaled:
    """Rescale the first layer and the last, by every factor."""
    measures = {name: comparison.MEASURES[name] for name in RESCALED}
    cards, test = [], []
    for factor in FACTORS:
        moved = [scaled(each, factor) for each in networks]
        cards.append(probe.card(moved, f"rescaled by {factor:g}", measures).values)
        test.append([curvature.mean_loss(*probe.at(each, "test")) for each in moved])
    values = {name: np.stack([card[name] for card in cards]) for name in RESCALED}
    return Rescaled(values, np.array(test, np.float64))


def scaled(variables: minima.Variables, factor: float) -> minima.Variables:
    """Return a network whose first layer is multiplied and the last one divided."""
    layers = sum(np.ndim(leaf) > 1 for leaf in jax.tree.leaves(variables["params"]))
    factors = (factor, *[1.0] * (layers - 2), 1 / factor)
    params = sharpness.rescale_layers(variables["params"], factors)
    return {**variables, "params": params}


def claims(of: Rescaled) -> list[report.Claim]:
    """Decide what a rescaling changes."""
    say = report.Claims(source="Dinh et al. 2017, theorem 5", figure="rescaled")
    same = dataclasses.replace(say, kind="identity")  # as relu(a x) = a relu(x)
    first, last = of.sharpness["hessian_max"][[0, -1]]
    norms = of.sharpness["fisher_rao"]
    return [
        say.ratio(
            "rescaled.sharper",
            "The same function can be made as sharp as one likes: with the first layer "
            f"times {FACTORS[-1]:g} the top eigenvalue is more than ten times as "
            "large.",
            "ratio, rescaled / as trained",
            (last, first),
            above=10,
        ),
        same.mean(
            "rescaled.same_function",
            "The rescaled networks have the same test loss, to a thousandth.",
            "largest relative change of the test loss",
            np.abs(of.losses / of.losses[0] - 1).max(axis=0),
            below=1e-3,
        ),
        same.mean(
            "rescaled.fisher_rao",
            "The rescaled networks have the same Fisher-Rao norm, to a hundredth.",
            "largest relative change",
            np.abs(norms / norms[0] - 1).max(axis=0),
            below=0.01,
        ),
    ]


def section(of: Rescaled) -> report.Section:
    """Show sharpness against the factor."""
    return report.Section(
        "The same function, rescaled",
        "The first layer of a network without a regulariser is multiplied by a factor "
        "and the last divided by it, biases along with them. As relu(a x) = a relu(x) "
        "the function stays, and so does what it gets right in the test.",
        report.Curves(
            "rescaled",
            {
                label: (
                    np.array(FACTORS),
                    (of.sharpness[name] / of.sharpness[name][0]).T,
                )
                for name, label in RESCALED.items()
            },
            ("factor of the first layer", "sharpness / that as trained"),
            log="xy",
            caption="Sharpness after a rescaling relative to before.",
        ),
    )
