"""The flatness of the minima that the rules end in."""

import itertools
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from experiments import minima as places
from experiments import training
from lec7 import data, report, sharpness

MEASURES = {
    "top eigenvalue": "top eigenvalue of the Hessian",
    "SAM sharpness": "SAM sharpness (nats)",
}

Measured = Mapping[str, Mapping[str, np.ndarray]]


def measure(config, context, study, build, minima) -> Measured:
    """Return measure -> rule -> sharpness [M] of the networks."""
    batches = {"train": data.chunks(study.dataset.train, training.chunk(config.model))}
    probe = places.Probe(study.network(build), batches, config.seeds, context.progress)
    found = {name: {rule: [] for rule in minima} for name in MEASURES}
    pairs = list(itertools.product(minima, enumerate(config.seeds)))
    with context.progress.task("sharpness", len(pairs), unit="network") as task:
        for done, (rule, (place, seed)) in enumerate(pairs, start=1):
            network = jax.tree.map(lambda leaf, at=place: leaf[at], minima[rule])
            there, key = probe.at(network), jax.random.key(seed)
            top = sharpness.hessian_max(*there, key=key)
            rise = sharpness.sam_sharpness(*there, key=key, rho=config.rho, steps=10)
            for name, value in zip(MEASURES, (top, rise), strict=True):
                found[name][rule].append(value.value)
            task.update(done)
    return {
        name: {rule: np.array(values) for rule, values in by_rule.items()}
        for name, by_rule in found.items()
    }


def claims(
    measured: Measured, rule: str, rival: str, source: str
) -> list[report.Claim]:
    """Decide whether a rule ends in a flatter minimum than SGD at as many gradients."""
    say = report.Claims(source=source, figure="sharpness")
    return [
        say.ratio(
            f"{rule}.{measure.replace(' ', '_')}",
            f"{rule} ends in a flatter minimum than SGD with as many gradients, which "
            f"is twice the updates: {measure}.",
            f"ratio, {rule} / SGD",
            (values[rule], values[rival]),
            below=1,
        )
        for measure, values in measured.items()
    ]


def section(measured: Measured, names: Sequence[str], rho: float) -> report.Section:
    """Show the sharpness of the minima."""
    return report.Section(
        "Flatness",
        "Both measures grow and shrink with the scale of the weights, and near the end "
        "of a training with cross-entropy they fall with the loss itself. So each rule "
        "is compared with SGD that has had as many gradients, whose rate and weight "
        "decay validation chose for its accuracy, not for its sharpness.",
        report.Table(
            ("rule", *MEASURES.values()),
            [(rule, *(values[rule] for values in measured.values())) for rule in names],
        ),
        report.Paired(
            "sharpness",
            {
                MEASURES[name]: np.stack([values[rule] for rule in names])
                for name, values in measured.items()
            },
            [name.replace(", twice as long", " ×2") for name in names],
            log=True,
            caption="Sharpness of the minima without wrong labels, on logarithmic "
            "axes: the largest eigenvalue of the Hessian of the training loss, and the "
            f"highest rise of that loss within a ball of radius {rho:g}, by ten "
            "ascents. SGD ×2 is SGD with twice the updates.",
        ),
    )
