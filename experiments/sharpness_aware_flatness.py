"""The flatness of the minima that the rules end in, at one rate and training loss."""

import functools
import itertools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from experiments import minima, training
from lec7 import data, report, sharpness, train

MEASURES = {
    "top eigenvalue": "top eigenvalue of the Hessian",
    "SAM sharpness": "SAM sharpness (nats)",
}


class Flatness(NamedTuple):
    """Of M networks of each rule."""

    records: Mapping[str, train.Record]
    """Rule -> how its networks were trained."""
    sharpness: Mapping[str, Mapping[str, np.ndarray]]
    """Measure -> rule -> value [M]."""


def measure(config, context, study, build, populations) -> Flatness:
    """Return how sharp the minima of the populations are, NaN where one diverged."""
    batches = {"train": data.chunks(study.dataset.train, training.chunk(config.model))}
    probe = minima.Probe(study.network(build), batches, config.seeds, context.progress)
    found = {
        name: {rule: np.full(len(config.seeds), np.nan) for rule in populations}
        for name in MEASURES
    }
    ascent = functools.partial(sharpness.sam_sharpness, rho=config.rho, steps=10)
    pairs = list(itertools.product(populations, enumerate(config.seeds)))
    with context.progress.task("sharpness", len(pairs), unit="network") as task:
        for done, (rule, (place, seed)) in enumerate(pairs, start=1):
            if populations[rule].final["train_loss"][place] < train.CEILING:
                there = probe.at(populations[rule].member(place))
                top, rise = (
                    measure(*there, key=jax.random.key(seed))
                    for measure in (sharpness.hessian_max, ascent)
                )
                for name, value in zip(MEASURES, (top, rise), strict=True):
                    found[name][rule][place] = value.value
            task.update(done)
    return Flatness(
        {rule: population.record for rule, population in populations.items()},
        found,
    )


def claims(
    config, found: Flatness, rule: str, rival: str, source: str
) -> list[report.Claim]:
    """Decide whether a rule ends in a flatter minimum than SGD at one training loss."""
    missed = minima.missed(config, [found.records[name] for name in (rule, rival)])
    say = report.Claims(source=source, figure="sharpness", untested=missed)
    return [
        say.ratio(
            f"{rule}.{measure.replace(' ', '_')}",
            f"At one rate and training loss {rule}'s minimum is flatter than SGD's: "
            f"{measure}.",
            f"ratio, {rule} / SGD",
            (values[rule], values[rival]),
            below=1,
        )
        for measure, values in found.sharpness.items()
    ]


def section(config, found: Flatness) -> report.Section:
    """Show the sharpness of the minima."""
    return report.Section(
        "Flatness",
        "Both measures grow and shrink with the scale of the weights, with the rate, "
        "and, near the end of a training with cross-entropy, with the loss itself. So "
        "the rules are compared at one constant rate, "
        f"{config.learning_rate:g}, and where the training loss has come to "
        f"{config.stop_loss:g} nats on right labels, each with the radius that is best "
        f"for its accuracy there. {minima.reached(config, _missed(config, found))}",
        report.Table(
            ("rule", "updates", "training loss (nats)", "test accuracy (%)")
            + tuple(MEASURES.values()),
            [
                (
                    rule,
                    record.updates,
                    record.final["train_loss"],
                    record.percent("test"),
                    *(values[rule] for values in found.sharpness.values()),
                )
                for rule, record in found.records.items()
            ],
        ),
        report.Paired(
            "sharpness",
            {
                MEASURES[name]: np.stack(list(values.values()))
                for name, values in found.sharpness.items()
            },
            list(found.records),
            log=True,
            caption="Sharpness of the minima without wrong labels, on logarithmic "
            "axes: the largest eigenvalue of the Hessian of the training loss, and the "
            f"highest rise of that loss within a ball of radius {config.rho:g}, by ten "
            "ascents.",
        ),
    )


def _missed(config, found):
    return minima.missed(config, list(found.records.values()))
