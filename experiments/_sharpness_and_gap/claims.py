"""What the ranks of the measures say about the claims."""

from collections.abc import Mapping, Sequence

import numpy as np

from experiments._sharpness_and_gap import ranking, study
from lec7 import report, sharpness

SOURCE = "lecture, 0:32:05; Jiang et al. 2020, arXiv:1912.02178, section 2"
NOTHING = 0.2  # a tau this small is called none


def gaps(found: study.Study, *, stop_loss: float) -> dict[str, np.ndarray]:
    """Return the generalisation gaps, NaN for networks that did not reach the loss.

    Args:
      found: the study.
      stop_loss: training loss at which a network is done, nats.

    Returns:
      By accuracy, train - test, in points, and by loss, test - train, in nats.
    """
    final = found.final
    done = final["train_loss"] <= stop_loss
    accuracy = 100 * (final["train_accuracy"] - final["test_accuracy"])
    loss = final["test_loss"] - final["train_loss"]
    return {
        "accuracy": np.where(done, accuracy, np.nan),
        "loss": np.where(done, loss, np.nan),
    }


def decide(found: study.Study, gap: np.ndarray) -> list[report.Claim]:
    """Decide whether sharper networks have the larger gap, measure by measure.

    Args:
      found: the study.
      gap: by accuracy.

    Returns:
      A claim for each measure of the report card; two for all of them together, where
      one hyper-parameter varies and where the seed alone does; whether the measures
      that survive a rescaling of layers rank better than the others, where there are
      both; and whether the training loss, which should be equal, ranks nothing.
    """
    taus = {
        name: ranking.overall(values, gap) for name, values in found.measures.items()
    }
    labels = {"source": SOURCE, "unit": "Kendall's tau", "figure": "ranking"}
    each = [
        report.mean_claim(
            taus[name],
            above=0,
            id=f"L20.{name}",
            statement=(
                "Sharp minima generalise worse than flat ones: the gap grows with the "
                f"{sharpness.TITLES[name]}."
            ),
            **labels,
        )
        for name in found.invariant
    ]
    survivors = (
        [_survivors(found, taus)] if len({*found.invariant.values()}) > 1 else []
    )
    return [
        *each,
        *_together(found, gap),
        *survivors,
        _control(taus["training_loss"]),
    ]


def summarise(found: study.Study, decided: Sequence[report.Claim]) -> str:
    """Answer the question in a paragraph.

    Args:
      found: the study.
      decided: as `decide` returns them.

    Returns:
      The paragraph.
    """
    by_id = {claim.id: claim for claim in decided}
    each = [by_id[f"L20.{name}"] for name in found.invariant]
    counts = {
        verdict: sum(claim.verdict == verdict for claim in each)
        for verdict in ("supported", "contradicted", "inconclusive")
    }
    parts = [
        f"That sharper networks have the larger gap is supported by "
        f"{counts['supported']} of {len(each)} measures, contradicted by "
        f"{counts['contradicted']} and left open by {counts['inconclusive']}.",
        *_best(each, by_id["equal_loss"]),
        f"The mean over all measures is {_effect(by_id['L20.granulated'])} where one "
        f"hyper-parameter alone varies, and {_effect(by_id['L20.between_seeds'])} "
        "where the seed alone does.",
    ]
    if "Dinh" in by_id:
        parts.append(
            "That measures which survive a rescaling of the layers rank better than "
            f"those which do not is {by_id['Dinh'].verdict}."
        )
    return " ".join(parts)


def _best(each: Sequence[report.Claim], control: report.Claim) -> list[str]:
    """Return a sentence on the highest tau, if there is one."""
    known = [claim for claim in each if claim.effect is not None]
    if not known:
        return []
    best = max(known, key=lambda claim: claim.effect)
    title = sharpness.TITLES[best.id.removeprefix("L20.")]
    return [
        f"The highest tau, {_effect(best)}, is that of the {title}; the training loss, "
        f"which should rank nothing, has {_effect(control)}."
    ]


def _effect(claim: report.Claim) -> str:
    return report.format_number(claim.effect)


def _together(found: study.Study, gap: np.ndarray) -> list[report.Claim]:
    labels = {"source": SOURCE, "figure": "ranking"}
    measures = [found.measures[name] for name in found.invariant]
    return [
        report.mean_claim(
            np.mean([ranking.psi(values, gap) for values in measures], axis=0),
            above=0,
            id="L20.granulated",
            statement=(
                "The gap grows with sharpness where a single hyper-parameter varies, "
                "on average over which one and over all measures."
            ),
            unit="mean granulated coefficient Psi",
            **labels,
        ),
        report.mean_claim(
            np.mean([ranking.within(values, gap) for values in measures], axis=0),
            above=0,
            id="L20.between_seeds",
            statement=(
                "The gap grows with sharpness between networks that differ in the seed "
                "alone, on average over all measures."
            ),
            unit="mean Kendall's tau between seeds, a value for each setting",
            **labels,
        ),
    ]


def _survivors(found: study.Study, taus: Mapping[str, np.ndarray]) -> report.Claim:
    means = {
        kept: np.mean(
            [
                taus[name]
                for name, invariant in found.invariant.items()
                if invariant is kept
            ],
            axis=0,
        )
        for kept in (True, False)
    }
    return report.paired_claim(
        means[True],
        means[False],
        above=0,
        id="Dinh",
        statement=(
            "Measures that a rescaling of the layers leaves alone rank the gap better, "
            "on average, than those that it moves."
        ),
        source="Dinh et al. 2017, arXiv:1703.04933; Kwon et al. 2021, arXiv:2102.11600",
        unit="difference of the mean taus",
        figure="ranking",
    )


def _control(tau: np.ndarray) -> report.Claim:
    return report.mean_claim(
        tau,
        above=-NOTHING,
        below=NOTHING,
        id="equal_loss",
        statement=(
            "Training to equal loss is equal enough: what differs of the training loss "
            f"does not rank the gap, its tau being less than {NOTHING} either way."
        ),
        source="Jiang et al. 2020, arXiv:1912.02178, section 3",
        unit="Kendall's tau of the training loss",
        figure="ranking",
    )
