"""The same minima after their layers have been rescaled."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from experiments import minima
from experiments import sharp_vs_flat_card as card
from lec7 import report, sharpness

if TYPE_CHECKING:
    from experiments.sharp_vs_flat import Config

FACTOR = 5.0  # of the first layer; the last one has its inverse
TOLERANCE = 0.01  # relative change that rounding may give an invariant measure


class Rescaled(NamedTuple):
    """Networks of the small batch before and after a rescaling of their layers."""

    before: minima.Card
    after: minima.Card
    losses: np.ndarray
    """Of the training set [2, M]."""
    slices: Mapping[str, np.ndarray]
    """Norm of the direction -> losses [2, M, A]."""


def measure(
    config: "Config",
    probe: minima.Probe,
    networks: Sequence[minima.Variables],
    before: minima.Card,
    steps: np.ndarray,
) -> Rescaled:
    """Rescale networks, of which the card is known, and look at them again."""
    moved = []
    for variables in networks:
        kernels = sum(
            np.ndim(leaf) > 1 for leaf in jax.tree.leaves(variables["params"])
        )
        factors = (FACTOR, *[1.0] * (kernels - 2), 1 / FACTOR)
        params = sharpness.rescale_layers(variables["params"], factors)
        moved.append({**variables, "params": params})
    both = (networks, moved)
    return Rescaled(
        before=before,
        after=probe.card(moved, "sharpness, rescaled", card.measures(config)),
        losses=np.array([minima.mean_losses(probe, each) for each in both]),
        slices={
            norm: np.stack([probe.slices(each, steps, norm=norm) for each in both])
            for norm in ("filter", "none")
        },
    )


def claims(found: Rescaled) -> list[report.Claim]:
    """Decide what rescaling changes, and what it does not."""
    say = report.Claims(source="Dinh et al. 2017, section 3", figure="rescaling")
    # What is invariant changes by rounding alone.
    exact = dataclasses.replace(say, kind="identity")
    slices = report.Claims(
        source="Li et al. 2018, section 4", figure="rescaled_slices", kind="identity"
    )
    changes, invariant = _changes(found), found.before.invariant
    decided = [
        say.ratio(
            f"L20.rescaled.{card.IDS[name]}",
            "A rescaling of the layers that leaves the function alone makes a minimum "
            f"sharper: {card.TITLES[name]}.",
            "ratio, rescaled / as trained",
            (found.after.values[name], found.before.values[name]),
            above=1,
        )
        for name in card.CLASSIC
        if name in changes and not invariant[name]
    ]
    kept = [np.abs(changes[name] - 1) for name in changes if invariant[name]]
    if kept:
        decided.append(
            exact.mean(
                "L20.rescaled.invariant",
                "Adaptive measures, the Fisher-Rao norm and relative flatness are the "
                "same after that rescaling, to a hundredth.",
                "largest relative change",
                np.max(kept, axis=0),
                below=TOLERANCE,
            )
        )
    before, after = found.slices["filter"]
    decided.append(
        slices.mean(
            "L20.rescaled.slices",
            "Filter-normalised slices are the same after that rescaling, to a "
            "hundredth.",
            "largest relative change",
            np.max(np.abs(after / before - 1), axis=1),
            below=TOLERANCE,
        )
    )
    return decided


def section(rescaled: Rescaled, steps: np.ndarray) -> report.Section:
    """Show by which factor each measure changes, and the slices."""
    changes = _changes(rescaled)
    curves = {
        scaled + where: (steps, rescaled.slices[norm][row])
        for norm, scaled in (("filter", "normalised"), ("none", "raw"))
        for row, where in enumerate(("", ", rescaled"))
    }
    before, after = map(report.format_spread, rescaled.losses)
    return report.Section(
        "The same minima, rescaled",
        f"The first layer is multiplied by {FACTOR:g} and the last divided by it, "
        "biases along with them. As `relu(a x) = a relu(x)`, the network computes what "
        "it did, so its training loss, test error and predictions stay the same "
        f"({before} nats before, {after} after). What a measure says about the minimum "
        "must not change either, if it is to tell how well the function generalises.",
        report.Forest(
            "rescaling",
            [card.SHORT[name] for name in changes],
            {"rescaled / as trained": list(changes.values())},
            "ratio, rescaled / as trained",
            log=True,
            bold=[
                card.SHORT[name] for name in changes if rescaled.before.invariant[name]
            ],
            reference=1.0,
            caption="Each measure of a small-batch minimum after its layers were "
            "rescaled, relative to before: geometric mean over seeds with its 95 % "
            "interval. Those in bold are invariant in theory.",
        ),
        minima.slices_figure(
            "rescaled_slices",
            curves,
            "Training loss along one random direction, the same draw for both. "
            "Normalised by the filters, the curves before and after coincide; raw, "
            "they do not.",
        ),
    )


def _changes(found):
    """Return each measure after over before, name -> [M]."""
    before, after = found.before.values, found.after.values
    return {name: after[name] / before[name] for name in after}
