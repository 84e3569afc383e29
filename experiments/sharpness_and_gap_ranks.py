"""How well each measure ranks networks by their generalisation gaps."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lec7 import report, sharpness
from lec7.sharpness import ranking

NOTHING = 0.2  # a tau this small is called none
TOLD = ("hessian_max", "hessian_trace", "keskar", "adaptive_worst_case", "fisher_rao")
"""Measures of which claims are made, chosen before any was ranked."""
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
    along: Mapping[str, np.ndarray]
    """Along each hyper-parameter, [number of them, M]."""
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
        along=by(ranking.granulated),
        within=by(ranking.within),
        by_loss=by(ranking.overall, "loss"),
    )


def claims(
    judged: Judged,
    invariant: Mapping[str, bool],
    axes: Mapping[str, Sequence[float]],
    untested: str | None,
) -> list[report.Claim]:
    """Decide whether sharper networks have the larger gap, one cause at a time.

    Where a measure and the gap both follow one hyper-parameter, they rank networks
    alike whatever sharpness does, so a claim is made along each of them.
    """
    say = report.Claims(
        source="lecture, 0:32:05; Jiang et al. 2020, arXiv:1912.02178, section 2",
        figure="along",
        untested=untested,
    )
    varied = [(place, name) for place, name in enumerate(axes) if len(axes[name]) > 1]
    equal = {
        axis: say.mean(
            f"equal_loss.{axis.replace(' ', '_')}",
            f"Along the {axis} training to equal loss is equal enough: what "
            "differences in training loss remain do not rank the gap.",
            "granulated Kendall's tau of the training loss",
            judged.along["training_loss"][place],
            above=-NOTHING,
            below=NOTHING,
        )
        for place, axis in varied
    }
    told = [name for name in TOLD if name in invariant]
    return [
        *(
            dataclasses.replace(say, untested=untested or _unequal(equal[axis])).mean(
                f"L20.{axis.replace(' ', '_')}.{name}",
                f"Along the {axis} alone, the gap grows with the {TITLES[name]}.",
                "granulated Kendall's tau, on this grid",
                judged.along[name][place],
                above=0,
            )
            for place, axis in varied
            for name in told
        ),
        *equal.values(),
        *_survivors(judged, invariant, untested),
    ]


def _unequal(equal):
    """Say that the training loss itself ranks the gap, if it does."""
    if equal.verdict != "contradicted":
        return None
    return f"{equal.id}: the training loss that is left ranks the gap as well"


def _survivors(judged, invariant, untested):
    if len({*invariant.values()}) < 2:
        return []
    medians = [
        np.median(
            [judged.psis[name] for name, is_ in invariant.items() if is_ is kept],
            axis=0,
        )
        for kept in (True, False)
    ]
    say = report.Claims(
        source="Dinh et al. 2017, arXiv:1703.04933; Kwon et al. 2021, arXiv:2102.11600",
        figure="ranking",
        untested=untested,
    )
    return [
        say.paired(
            "Dinh",
            "Measures that a rescaling of the layers leaves alone rank the gap better "
            "than those that it changes: the median one does.",
            "granulated coefficient Psi, difference of the medians",
            tuple(medians),
            above=0,
        )
    ]


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
        "hyper-parameter: it is a picture, and no claim is made of it. `Psi`, the "
        "granulated coefficient, compares networks that differ in one hyper-parameter, "
        "and is the mean over the hyper-parameters. The column between seeds compares "
        "networks that differ in the seed alone. SAM's "
        "sharpness is that of one ascent, which near a minimum says more about the "
        "gradient that is left than about curvature.\n\n"
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
            caption="Rank correlation of every measure with the accuracy gap, and its "
            "95 % interval: over seeds, and for the last group over the settings of "
            "the hyper-parameters, which share their seeds. Bold names are measures "
            "that a rescaling of the layers leaves alone.",
        ),
    )


def _cell(taus):
    interval = report.format_interval(report.mean_interval(taus), digits=2)
    return f"{report.format_number(float(taus.mean()), digits=2)} ({interval})"


def one_by_one(judged: Judged, axes: Mapping[str, Sequence[float]]) -> report.Section:
    """Show the ranks along each hyper-parameter."""
    names = list(judged.along)
    varied = {
        axis: [judged.along[name][place] for name in names]
        for place, axis in enumerate(axes)
        if len(axes[axis]) > 1
    }
    return report.Section(
        "Along each hyper-parameter",
        "`Psi` is the mean of these numbers: the tau of networks that differ in one "
        "hyper-parameter alone, averaged over the values of the others. Where a "
        "measure has opposite signs for two of them it follows the hyper-parameter, "
        "not the gap.",
        report.Forest(
            "along",
            [TITLES[name] for name in names],
            varied,
            "granulated Kendall's tau with the accuracy gap",
            reference=0.0,
            caption="Rank correlation of every measure with the accuracy gap along one "
            "hyper-parameter, and its 95 % interval over seeds.",
        ),
    )
