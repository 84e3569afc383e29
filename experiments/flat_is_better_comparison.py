"""Which of two networks of `flat_is_better` is the flatter, and which the better."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments import sharp_vs_flat_card as card
from experiments.flat_is_better_trainings import NONE
from lec7 import report, sharpness

if TYPE_CHECKING:
    from experiments.flat_is_better import Config, Findings

PREPRINT = "Mason-Williams et al. 2025, arXiv:2510.12451"
MEASURES = sharpness.MEASURES | {
    card.TEN: functools.partial(sharpness.sam_sharpness, steps=10),
    "hessian_trace": functools.partial(sharpness.hessian_trace, probes=20),
}
AT_END, AT_EQUAL = "after as many updates", "at the same training loss"
EQUAL = ".equal_loss"  # what ids of claims at the same training loss end with
WHEN = (False, True)  # whether networks are compared at the same training loss
CLAIMED = ("fisher_rao", "relative_flatness", card.TEN)  # those of the preprint
LISTED = (
    *CLAIMED,
    "sam_sharpness",
    "adaptive_average_case",
    "hessian_max",
    "hessian_trace",
)


def measures(found: "Findings") -> list[str]:
    """Return the names of the measures that were taken."""
    return list(found.ends[NONE].card.values)


def identifier(name: str) -> str:
    """Return a regulariser's name as ids of claims have it."""
    return name.replace(" ", "_")


def gain(found: "Findings", name: str, *, equal: bool = False) -> np.ndarray:
    """Return test accuracy minus that of the network without a regulariser, [M]."""
    without = found.equal[name] if equal else found.ends[NONE]
    return 100 * np.float64(
        found.ends[name].final["test_accuracy"] - without.final["test_accuracy"]
    )


def ratio(
    found: "Findings", name: str, measure: str, *, equal: bool = False
) -> np.ndarray:
    """Return a sharpness relative to that of the network without a regulariser, [M]."""
    without = found.equal[name] if equal else found.ends[NONE]
    return found.ends[name].card.values[measure] / without.card.values[measure]


def agreement(
    found: "Findings",
    by: Sequence[str] = (),
    *,
    of: Sequence[str] = (),
    equal: bool = False,
) -> np.ndarray:
    """Return in which share of the pairs the flatter network is the better one, [M].

    Equal accuracies count one half.

    Args:
      found: what was measured.
      by: measures of the pairs; none stands for all.
      of: regularisers of the pairs; none stands for all.
      equal: whether networks are compared at the same training loss.
    """
    right = [
        (1 - np.sign(gain(found, name, equal=equal) * np.log(sharper))) / 2
        for name in of or found.equal
        for measure in by or measures(found)
        for sharper in [ratio(found, name, measure, equal=equal)]
    ]
    return np.mean(right, axis=0)


def sharper_claims(found: "Findings") -> list[report.Claim]:
    """Decide which regularisers make a minimum sharper, as the preprint has it."""
    say = report.Claims(source=PREPRINT, figure="sharpness")
    return [
        say.ratio(
            f"sharper.{identifier(name)}.{measure}{part}",
            f"With {name} the minimum is sharper than without, {when}: "
            f"{card.SHORT[measure]}.",
            f"ratio, {name} / none",
            tuple(of.card.values[measure] for of in (found.ends[name], without(name))),
            above=1,
        )
        for part, when, without in (
            ("", AT_END, lambda name: found.ends[NONE]),
            (EQUAL, AT_EQUAL, lambda name: found.equal[name]),
        )
        for name in found.equal
        for measure in CLAIMED
        if measure in found.ends[name].card.values
    ]


def flatter_claims(found: "Findings") -> list[report.Claim]:
    """Decide whether the flatter network is the better one."""
    say = report.Claims(source="Keskar et al. 2017, arXiv:1609.04836", figure="both")
    same = dataclasses.replace(say, figure="both_equal")
    unit = "share of pairs of a regulariser and a measure"
    at_end, at_equal = (agreement(found, equal=equal) for equal in WHEN)
    of_these = f"Of a network with {' or '.join(found.equal)} and one with none, "
    return [
        where.mean(
            f"flatter_is_better{part}",
            f"{of_these}the flatter is the better in the test, {when}.",
            unit,
            shares,
            above=0.5,
        )
        for where, part, when, shares in (
            (say, "", AT_END, at_end),
            (same, EQUAL, AT_EQUAL, at_equal),
        )
    ]


def section(config: "Config", found: "Findings") -> report.Section:
    """Show how sharp the minima are after as many updates."""
    cards = {name: of.card.values for name, of in found.ends.items()}
    return report.Section(
        "Which minimum is sharper?",
        "All measures are of the cross-entropy with the plain labels on the first "
        f"{config.measured_examples:,} training examples at most, unshifted and with "
        "no unit dropped. The preprint reports that by the Fisher-Rao norm, relative "
        "flatness and SAM's sharpness regularised networks are often the sharper ones, "
        "on CIFAR-10 with networks of its size.",
        report.Table(
            ("measure", *cards),
            [
                (card.TITLES[name], *(card[name] for card in cards.values()))
                for name in measures(found)
            ],
        ),
        _forest(found),
        _scatter(found, "both", equal=False),
    )


def _forest(found):
    claimed = [name for name in CLAIMED if name in measures(found)]
    pairs = [(name, of) for name in found.equal for of in claimed]
    return report.Forest(
        "sharpness",
        [f"{name}: {card.SHORT[of]}" for name, of in pairs],
        {
            title: [ratio(found, *pair, equal=equal) for pair in pairs]
            for title, equal in ((AT_END, False), (AT_EQUAL, True))
        },
        "ratio, regularised / none",
        log=True,
        reference=1,
        caption="Sharpness of the regularised minimum relative to the one without: "
        "geometric means over seeds with their 95 % intervals. Right of the line it is "
        "the sharper.",
    )


def _scatter(found, name, *, equal):
    when = AT_EQUAL if equal else AT_END
    return report.Scatter(
        name,
        {
            card.SHORT[measure]: [
                ratio(found, each, measure, equal=equal) for each in found.equal
            ]
            for measure in measures(found)
        },
        [gain(found, each, equal=equal) for each in found.equal],
        tuple(found.equal),
        "test accuracy gained (points)",
        caption="What a regulariser gains in the test against how much sharper it "
        f"makes the minimum, {when}: sharpness relative to the network without, a "
        "point a seed. If flat were better, points would lie top left and bottom "
        "right of (1, 0).",
        log=True,
    )


def equal_section(found: "Findings") -> report.Section:
    """Show how sharp they are at the same training loss."""
    return report.Section(
        "At the same training loss",
        "Cross-entropy loses its curvature as it falls, so a network that fits less, "
        "as a regularised one does, is sharper for that reason alone. Here each is "
        "compared with the network without a regulariser of the same seed, as it was "
        "when its training loss was nearest.",
        report.Table(
            ("regulariser", "training loss (nats)", "that without", "updates")
            + ("test (%)", "that without"),
            [
                (
                    name,
                    found.ends[name].final["train_loss"],
                    of.final["train_loss"],
                    of.updates,
                    100 * found.ends[name].final["test_accuracy"],
                    100 * of.final["test_accuracy"],
                )
                for name, of in found.equal.items()
            ],
            "Updates are those of the network without.",
        ),
        report.Table(
            ("measure or regulariser", AT_END, AT_EQUAL),
            [
                (card.SHORT[name], *(agreement(found, [name], equal=of) for of in WHEN))
                for name in measures(found)
            ]
            + [
                (name, *(agreement(found, of=[name], equal=of) for of in WHEN))
                for name in found.equal
            ],
            "In which share of the regularisers the flatter network by a measure is "
            "the better one, and by which share of the measures with a regulariser.",
        ),
        _scatter(found, "both_equal", equal=True),
    )
