"""How well each measure ranks networks by their generalisation gaps."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from lec7 import report, sharpness
from lec7.sharpness import ranking

NOTHING = 0.2  # a tau this small is called none
TITLES = sharpness.TITLES | {
    "training_loss": "training loss (control)",
    "parameter_norm": "length of the parameters (control)",
}


class Judged(NamedTuple):
    """How well each measure ranks the gaps, by the names of the measures."""

    taus: Mapping[str, np.ndarray]
    """Over all networks of a seed [M]."""
    psis: Mapping[str, np.ndarray]
    """Granulated coefficients [M]."""
    within: Mapping[str, np.ndarray]
    """Between seeds, of each setting."""
    by_loss: Mapping[str, np.ndarray]
    """As `taus`, with the gap of the loss."""


def judge(measures: Mapping[str, np.ndarray], gaps: Mapping[str, np.ndarray]) -> Judged:
    """Rank networks by every measure, [..., M], and by their gaps, NaN for unknown."""

    def by(rank, gap="accuracy"):
        return {name: rank(of, gaps[gap]) for name, of in measures.items()}

    return Judged(
        taus=by(ranking.overall),
        psis=by(ranking.psi),
        within=by(ranking.within),
        by_loss=by(ranking.overall, "loss"),
    )


def claims(judged: Judged, invariant: Mapping[str, bool]) -> list[report.Claim]:
    """Decide whether sharper networks have the larger gap.

    Claims are made of each measure; of all of them together, where one hyper-parameter
    varies and where the seed alone does; of those that survive a rescaling of layers
    against the others; and of the training loss, which should rank nothing.
    """
    return [
        *_each_measure(judged, invariant),
        *_together(judged, invariant),
        *_survivors(judged, invariant),
        _control(judged),
    ]


def _say(source="lecture, 0:32:05; Jiang et al. 2020, arXiv:1912.02178, section 2"):
    return report.Claims(source=source, figure="ranking")


def _each_measure(judged, invariant):
    return [
        _say().mean(
            f"L20.{name}",
            "Sharp minima generalise worse than flat ones: the gap grows with the "
            f"{TITLES[name]}.",
            "Kendall's tau",
            judged.taus[name],
            above=0,
        )
        for name in invariant
    ]


def _together(judged, invariant):
    def mean(ranks):
        return np.mean([ranks[name] for name in invariant], axis=0)

    return [
        _say().mean(
            "L20.granulated",
            "The gap grows with sharpness where a single hyper-parameter varies, on "
            "average over the hyper-parameters and over all measures.",
            "mean granulated coefficient Psi",
            mean(judged.psis),
            above=0,
        ),
        _say().mean(
            "L20.between_seeds",
            "The gap grows with sharpness between networks that differ in the seed "
            "alone, on average over all measures.",
            "mean Kendall's tau between seeds, a value for each setting",
            mean(judged.within),
            above=0,
        ),
    ]


def _survivors(judged, invariant):
    if len({*invariant.values()}) < 2:
        return []
    means = [
        np.mean(
            [judged.taus[name] for name, is_ in invariant.items() if is_ is kept],
            axis=0,
        )
        for kept in (True, False)
    ]
    say = _say("Dinh et al. 2017, arXiv:1703.04933; Kwon et al. 2021, arXiv:2102.11600")
    return [
        say.paired(
            "Dinh",
            "Measures that a rescaling of the layers leaves alone rank the gap better, "
            "on average, than those that it changes.",
            "difference of the mean taus",
            tuple(means),
            above=0,
        )
    ]


def _control(judged):
    return _say("Jiang et al. 2020, arXiv:1912.02178, section 3").mean(
        "equal_loss",
        "Training to equal loss is equal enough: what differences in training loss "
        f"remain do not rank the gap; their tau is less than {NOTHING} either way.",
        "Kendall's tau of the training loss",
        judged.taus["training_loss"],
        above=-NOTHING,
        below=NOTHING,
    )


def section(
    judged: Judged, invariant: Mapping[str, bool], costs: Mapping[str, float]
) -> report.Section:
    """Show how well every measure ranks the networks."""
    taus = judged.taus
    names = sorted(taus, key=lambda name: -np.nan_to_num(taus[name].mean(), nan=-2))
    kept = {True: "yes", False: "no"}
    groups = {
        "all networks": taus,
        "granulated": judged.psis,
        "between seeds": judged.within,
    }
    return report.Section(
        "Which measure ranks the gap?",
        "Kendall's `tau` is 1 where a measure and the gap put the networks in the same "
        "order, −1 where they put them in opposite orders, and 0 on average where "
        "neither tells anything about the other. `tau` here compares all networks of a "
        "seed, and may be high only because measure and gap both follow one "
        "hyper-parameter. `Psi`, the granulated coefficient, compares networks that "
        "differ in one hyper-parameter, and is the mean over the hyper-parameters. The "
        "column between seeds compares networks that differ in the seed alone. SAM's "
        "sharpness is that of one ascent, which near a minimum says more about the "
        "gradient that is left than about curvature. A claim on a mean over measures "
        "counts all of them alike, although many measure nearly the same thing and one "
        "of opposite sign may decide it.\n\n"
        "The intervals are over seeds, which decide the initial parameters, the "
        "batches and the masks of dropout; the examples are the same for all, so the "
        "intervals say nothing about another training set. Gradients are what a "
        "measure costs, in gradients of the loss over all training examples.",
        report.Table(
            (
                "measure",
                "survives rescaling",
                "tau",
                "Psi",
                "between seeds",
                "tau, loss gap",
                "gradients",
            ),
            [
                (
                    TITLES[name],
                    kept.get(invariant.get(name), "–"),
                    _cell(taus[name]),
                    _cell(judged.psis[name]),
                    float(judged.within[name].mean()),
                    float(judged.by_loss[name].mean()),
                    costs.get(name),
                )
                for name in names
            ],
            "From the highest tau to the lowest.",
        ),
        report.Forest(
            "ranking",
            [TITLES[name] for name in names],
            {group: [ranks[name] for name in names] for group, ranks in groups.items()},
            "Kendall's tau with the accuracy gap",
            bold=[TITLES[name] for name, is_ in invariant.items() if is_],
            reference=0.0,
            caption=(
                "Rank correlation of every measure with the accuracy gap, and its 95 % "
                "interval: over seeds, and for the last group over the settings of the "
                "hyper-parameters, which share their seeds. Bold names are measures "
                "that a rescaling of the layers leaves alone."
            ),
        ),
    )


def _cell(taus):
    interval = report.format_interval(report.mean_interval(taus), digits=2)
    return f"{report.format_number(float(taus.mean()), digits=2)} ({interval})"


def one_by_one(
    measures: Mapping[str, np.ndarray], gap: np.ndarray, axes: Iterable[str]
) -> report.Section:
    """Show the ranks along each hyper-parameter."""
    return report.Section(
        "Along each hyper-parameter",
        "`Psi` is the mean of these numbers: the tau of networks that differ in one "
        "hyper-parameter alone, averaged over the values of the others. Where a "
        "measure has opposite signs in two columns it follows the hyper-parameter, not "
        "the gap.",
        report.Table(
            ("measure", *axes),
            [
                (TITLES[name], *ranking.granulated(values, gap))
                for name, values in measures.items()
            ],
        ),
    )
