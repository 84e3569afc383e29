"""The sections of the report on sharpness and the generalisation gap."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments._sharpness_and_gap import figures, ranking, study
from lec7 import report, sharpness

TITLES = sharpness.TITLES | {
    "training_loss": "training loss (control)",
    "parameter_norm": "length of the parameters (control)",
}


def networks(config: Any, found: study.Study, gaps: Mapping[str, np.ndarray]):
    """Show what each hyper-parameter does to the networks.

    Args:
      config: of the experiment.
      found: the study.
      gaps: by accuracy and by loss.

    Returns:
      The section.
    """
    done = np.isfinite(gaps["accuracy"])
    columns = {
        "updates": found.final["updates"],
        "training loss (nats)": found.final["train_loss"],
        "test accuracy (%)": 100 * found.final["test_accuracy"],
        "accuracy gap (points)": gaps["accuracy"],
        "loss gap (nats)": gaps["loss"],
    }
    rows = []
    for axis, (name, values) in enumerate(study.axes(config).items()):
        for place, value in enumerate(values):
            chosen = np.take(done, place, axis)
            cells = [
                np.take(column, place, axis)[chosen] for column in columns.values()
            ]
            rows.append((f"{name} {value:g}", *map(report.format_spread, cells)))
    return report.Section(
        heading="The networks",
        text=(
            f"{done.size} networks with two hidden layers of {config.width} units, one "
            "for each value of every hyper-parameter below and each of "
            f"{len(config.seeds)} seeds, trained by SGD on {config.train_examples} "
            f"examples until the training loss is at most {config.stop_loss:g} nats. "
            f"{int(done.sum())} of them reached it within {config.max_steps:,} "
            "updates, and others are left out. The test set is all that was neither "
            "trained on nor in the validation split."
        ),
        table=report.Table(
            ("networks with", *columns),
            rows,
            "Mean ± standard deviation over all networks that share the value.",
        ),
    )


def rank(
    folder: pathlib.Path, found: study.Study, gaps: Mapping[str, np.ndarray]
) -> report.Section:
    """Show how well each measure ranks the networks.

    Args:
      folder: the run's folder.
      found: the study.
      gaps: by accuracy and by loss.

    Returns:
      The section.
    """
    gap = gaps["accuracy"]
    taus = {name: ranking.overall(m, gap) for name, m in found.measures.items()}
    names = sorted(taus, key=lambda name: -np.nan_to_num(taus[name].mean(), nan=-2))
    psis = {name: ranking.psi(found.measures[name], gap) for name in names}
    inner = {name: ranking.within(found.measures[name], gap) for name in names}
    by_loss = {
        name: ranking.overall(found.measures[name], gaps["loss"]) for name in names
    }
    groups = {
        "all networks": _ends(taus, names),
        "granulated": _ends(psis, names),
        "between seeds": _ends(inner, names),
    }
    figure = report.save_figure(
        report.draw_forest(
            [TITLES[name] for name in names],
            groups,
            x_label="Kendall's tau with the accuracy gap",
            bold=[TITLES[n] for n, kept in found.invariant.items() if kept],
            reference=0.0,
        ),
        folder,
        "ranking",
        data={"measures": names, **groups},
        caption=(
            "Rank correlation of every measure with the accuracy gap, and its 95 % "
            "interval: over seeds, and for the last over the settings of the hyper-"
            "parameters, which share their seeds. In bold what a rescaling of the "
            "layers leaves alone."
        ),
    )
    rows = [
        (
            TITLES[name],
            {True: "yes", False: "no"}.get(found.invariant.get(name), "–"),
            *(_cell(each[name]) for each in (taus, psis)),
            *(float(each[name].mean()) for each in (inner, by_loss)),
            found.costs.get(name),
        )
        for name in names
    ]
    header = (
        *("measure", "survives rescaling", "tau", "Psi", "between seeds"),
        *("tau, loss gap", "gradients"),
    )
    return report.Section(
        heading="Which measure ranks the gap?",
        text=(
            "Kendall's `tau` is 1 where a measure and the gap put the networks in the "
            "same order, −1 where in the opposite one, and 0 on average where neither "
            "tells of the other. `tau` here compares all networks of a seed, and may "
            "be high only because measure and gap both follow one hyper-parameter. "
            "`Psi`, the granulated coefficient, compares networks that differ in one "
            "hyper-parameter, and is the mean over which one. The column between seeds "
            "compares networks that differ in the seed alone. SAM's sharpness is that "
            "of one ascent, which near a minimum says more about the gradient that is "
            "left than about curvature. A claim on a mean over measures counts all of "
            "them alike, although many measure nearly the same and one of opposite "
            "sign may decide it.\n\n"
            "The intervals are over seeds, which decide the initial parameters, the "
            "batches and the masks of dropout; the examples are the same for all, so "
            "the intervals say nothing of another training set. Gradients are what a "
            "measure costs, in gradients of the loss over all training examples."
        ),
        table=report.Table(header, rows, "From the highest tau to the lowest."),
        figures=[figure],
    )


def one_by_one(config: Any, found: study.Study, gap: np.ndarray) -> report.Section:
    """Show the ranks along each hyper-parameter.

    Args:
      config: of the experiment.
      found: the study.
      gap: by accuracy.

    Returns:
      The section.
    """
    rows = [
        (TITLES[name], *map(report.format_spread, ranking.granulated(values, gap)))
        for name, values in found.measures.items()
    ]
    return report.Section(
        heading="Along each hyper-parameter",
        text=(
            "What `Psi` is the mean of: the tau of networks that differ in one hyper-"
            "parameter alone, averaged over the values of the others. Where a measure "
            "has opposite signs in two columns it follows the hyper-parameter, not "
            "the gap."
        ),
        table=report.Table(
            ("measure", *study.axes(config)),
            rows,
            "Mean ± standard deviation over seeds.",
        ),
    )


def scatter(
    folder: pathlib.Path, config: Any, found: study.Study, gap: np.ndarray
) -> report.Section:
    """Show every network.

    Args:
      folder: the run's folder.
      config: of the experiment.
      found: the study.
      gap: by accuracy.

    Returns:
      The section.
    """
    shown = {TITLES[name]: values for name, values in found.measures.items()}
    axis = _widest(gap)
    name, values = list(study.axes(config).items())[axis]
    figure = report.save_figure(
        figures.draw_scatter(
            {title: np.moveaxis(each, axis, 0) for title, each in shown.items()},
            np.moveaxis(gap, axis, 0),
            groups=[f"{name} {value:g}" for value in values],
            y_label="accuracy gap (points)",
        ),
        folder,
        "networks",
        data={"accuracy gap (points)": gap, **shown},
        caption=(
            "Every network: the accuracy gap against each measure, on a logarithmic "
            "axis. Colours are the hyper-parameter that moves the gap most."
        ),
    )
    return report.Section(heading="Every network", figures=[figure])


def _widest(gap: np.ndarray) -> int:
    """Return the hyper-parameter between whose values the mean gap differs most."""
    known = np.ma.masked_invalid(gap)
    places = range(gap.ndim)
    means = [
        known.mean(axis=tuple(place for place in places if place != axis))
        for axis in places[:-1]
    ]
    return int(np.argmax([np.ptp(each.compressed()) for each in means]))


def _ends(taus: Mapping[str, np.ndarray], names: list[str]) -> np.ndarray:
    """Return low end, mean and high end of each measure, [3, n]."""
    rows = []
    for name in names:
        interval = report.mean_interval(taus[name]) or (math.nan, math.nan)
        rows.append((interval[0], taus[name].mean(), interval[1]))
    return np.transpose(rows)


def _cell(taus: np.ndarray) -> str:
    interval = report.format_interval(report.mean_interval(taus), digits=2)
    return f"{report.format_number(float(taus.mean()), digits=2)} ({interval})"
