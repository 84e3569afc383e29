"""The report card of `sharp_vs_flat`: which measures, and what they are called."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments import minima
from lec7 import report, sharpness

if TYPE_CHECKING:
    from experiments.sharp_vs_flat import Config

TEN = "sam_ten_ascents"
NAMES = (*sharpness.MEASURES, TEN)
NOISE = "gradient_noise_scale"  # is on the card, but does not measure sharpness
TITLES = sharpness.TITLES | {
    "sam_sharpness": "SAM sharpness, one ascent (nats)",
    TEN: "SAM sharpness, highest of ten ascents (nats)",
}
SHORT = {name: title.partition(" (")[0] for name, title in TITLES.items()}
# Names in the ids of claims, where they are older than those of the report card.
IDS = {name: name for name in NAMES} | {
    "hessian_max": "top_eigenvalue",
    "hessian_trace": "trace",
    "sam_sharpness": "sam_one_ascent",
    TEN: "sam",
}
# Measures that are claimed of weight decay and rescaling too.
CLASSIC = ("hessian_max", "hessian_trace", "keskar", "adaptive_worst_case")
FIGURES = {False: "sharpness", True: "invariant_sharpness"}  # by the card's `invariant`


def measures(config: "Config") -> dict[str, Callable[..., sharpness.Measure]]:
    """Return the measures of a configuration, as a report card takes them."""
    known = sharpness.MEASURES | {
        "keskar": functools.partial(
            sharpness.keskar, epsilon=config.epsilon, starts=config.starts
        ),
        "hessian_trace": functools.partial(
            sharpness.hessian_trace, probes=config.probes
        ),
        TEN: functools.partial(sharpness.sam_sharpness, steps=10),
    }
    return {name: known[name] for name in config.measures}


def classic(measures: Mapping[str, Callable]) -> Mapping[str, Callable]:
    """Return those that are claimed of weight decay; all, where none of them is."""
    return {name: measures[name] for name in CLASSIC if name in measures} or measures


def section(config: "Config", cards: Mapping[str, minima.Card]) -> report.Section:
    """Show the measures seed by seed, and say what each of them is."""
    first = cards[minima.SMALL_BATCH]
    figures = []
    for invariant, name in FIGURES.items():
        measures = {
            TITLES[measure]: [card.values[measure] for card in cards.values()]
            for measure in first.values
            if first.invariant[measure] is invariant
        }
        if measures:
            kind = "are" if invariant else "are not"
            figures.append(
                report.Paired(
                    name,
                    measures,
                    tuple(cards),
                    log=True,
                    caption=f"Measures that {kind} invariant under a rescaling of "
                    "layers, on logarithmic axes.",
                )
            )
    return report.Section(
        "Sharpness",
        "All measures are of the mean loss on the training set (on its first "
        f"{config.measured_examples:,} examples, where it has more), in test mode. "
        f"The trace is estimated by Hutch++ with {config.probes} products. "
        "Keskar's sharpness is the highest rise of the loss in the box `|z| <= "
        f"{config.epsilon:g} (|w| + 1)`, relative to 1 + loss, found by "
        f"{_searches(config.starts)} of ten iterations of L-BFGS-B. SAM's is the "
        "highest rise in a ball of radius 0.05. The adaptive ones measure a ball or "
        "noise in units of the parameters themselves.\n\n"
        "One ascent is what SAM itself takes in training: along the gradient, as far "
        "as the radius. Near a minimum the gradient says more about how the training "
        "ended than about curvature, so read that row beside the one of ten ascents, "
        "which comes close to the maximum that defines the measure. The gradient noise "
        "scale is on the card too but does not measure sharpness; it also depends on "
        "the gradient that is left.",
        report.Table(
            ("measure", *cards, "error (%)", "cost (gradients)", "invariant"),
            [
                (
                    TITLES[name],
                    *(card.values[name] for card in cards.values()),
                    _largest_error(cards.values(), name),
                    f"{first.costs[name]:.0f}",
                    "yes" if first.invariant[name] else "no",
                )
                for name in first.values
            ],
            "Mean ± standard deviation over seeds; the largest standard error of a "
            "value, in percent of it, where it is sampled; gradients of the training "
            "loss that a value takes; and whether a rescaling of layers leaves it as "
            "it is.",
        ),
        *figures,
    )


def _searches(starts):
    return "one search" if starts == 1 else f"{starts} searches"


def _largest_error(cards, name):
    shares = np.concatenate([card.errors[name] / card.values[name] for card in cards])
    known = shares[np.isfinite(shares)]
    return f"{100 * known.max():.1f}" if known.any() else "–"
