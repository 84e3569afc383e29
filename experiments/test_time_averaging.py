"""Noise at train time must be averaged out at test: by a rule, or by many passes?

Networks are trained with one source of noise each: dropout, channel dropout,
DropConnect, fractional max pooling, stochastic depth and BatchNorm's batches. At test
the deterministic rule of each paper is compared with averages over T noisy passes. All
sub-networks of a network with one narrow layer are listed, so the average for which the
rule stands is known exactly. Networks trained with crops, with and without mirror
images, are tested on ten crops.

Run: python launch.py --experiment=test_time_averaging

Expected: 8 minutes on two CPU cores; of 31 empirical claims 26 are supported, 4
contradicted and 1 inconclusive. A noisy pass is 0.5 (BatchNorm) to 4.9 points (dropout)
less accurate than the rule. 128 passes are as accurate as the rule, to half a point,
but with fractional pooling they gain 1.0 (0.5 to 1.6). With dropout and BatchNorm their
loss is higher than the rule's. Ten crops gain 5.4 points (3.8 to 7.0) after training
with crops and mirror images; with crops alone in training, 0.9 (0.3 to 1.5).

Source: lecture, 0:58:42 to 1:02:14, 1:05:25 and 1:07:12 (L54 to L56, L62, L64)

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np

from experiments import test_time_averaging_layers as layers
from experiments import test_time_averaging_masks as masks
from experiments import test_time_averaging_views as views
from experiments import training
from lec7 import data, report, runs, schedules, update_rules
from lec7.data import augment
from lec7.ensembles import scores

NEURONS = 1000  # random neurons with two inputs
PASSES = runs.Range(
    f"a power of two, at least {2 * layers.GROUPS}",
    lambda count: count >= 2 * layers.GROUPS and not count & (count - 1),
)
SMALL = {
    "noise": ("fractional pooling",),
    "seeds": (0, 1),
    "width": 8,
    "units": 2,
    "updates": 4,
    "passes": 16,
    "examples": 20,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which networks are trained, for how long, and how many passes they make."""

    dataset: str = "digits"  # a data set of lec7 or of TFDS, or a path
    # sources of noise, each with a network of its own
    noise: runs.Some[layers.NOISE] = layers.NOISE
    seeds: runs.Seeds = tuple(range(10))  # networks of each kind, at least 2
    # hidden units; channels are a quarter and half of it
    width: Annotated[int, runs.at_least(4)] = 64
    units: runs.Count = 12  # of the layer all of whose 2^units masks are listed
    batch_size: runs.Count = 32  # examples an update
    updates: runs.Count = 512  # of every network
    rate: runs.Positive = 0.003  # first learning rate, of Adam under a cosine
    passes: Annotated[int, PASSES] = 128  # noisy passes of every network
    examples: runs.Count = 1000  # test images at most, the first ones


class Findings(NamedTuple):
    """All that was measured."""

    layers: Mapping[str, layers.Layer]
    """Source of noise -> its rule and averages over passes."""
    plain_means: np.ndarray
    """`distance` of DropConnect with every weight at its mean, [M] or empty."""
    masks: Mapping[str, masks.Enumeration]
    """Trained `with dropout` and `without`."""
    neurons: Mapping[str, np.ndarray]
    """`linear` and `ReLU` -> whether the rule is exact, bool [n]."""
    views: Mapping[str, Mapping[str, scores.Scores]]
    """How batches were augmented -> name of the views -> scores; none of sequences."""
    padding: int
    """Width of the border that crops are taken from, pixels."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train with noise, and average it out."""
    study = training.Study(config, context, ("batch_size",))
    sides = study.dataset.train.images.shape[1:-1]
    if len(set(sides)) != 1:
        raise runs.UsageError(
            f"examples of {config.dataset} have sides of {list(sides)} pixels: "
            "expected square images, as crops are, or sequences, which are not cropped"
        )
    padding = max(1, sides[0] // 8)
    fit = functools.partial(_fit, study, config)
    with context.phase("training"):
        noisy = layers.networks(config.width)
        noisy = {name: fit(noisy[name], f"noise {name}") for name in config.noise}
        narrow = {
            name: fit(masks.network(config.units, config.width, rate), f"masks {name}")
            for name, rate in (("with dropout", layers.DROP), ("without", 0.0))
        }
        crop = augment.random_crop(sides[0], padding=padding)
        seen = {
            "crops and flips": augment.compose(crop, augment.horizontal_flip()),
            "crops": augment.compose(crop),
        }
        cropped = {
            name: fit(layers.plain(config.width), f"views {name}", augment=augmentation)
            for name, augmentation in (seen if len(sides) == 2 else {}).items()
        }
    split = data.Split(*(leaf[: config.examples] for leaf in study.dataset.test))
    with context.phase("measuring"):
        with context.progress.task("passes", len(noisy), unit="layer") as task:
            measured, plain_means = {}, np.empty(0)
            for done, (name, found) in enumerate(noisy.items(), start=1):
                several = layers.passes(config, name, found, split, study.dataset.train)
                measured[name] = layers.measure(found, several, split)
                if name == "DropConnect":
                    plain = layers.by_plain_means(found, split.images)
                    plain_means = layers.distances(plain, several)
                task.update(done)
        return Findings(
            layers=measured,
            plain_means=plain_means,
            masks={name: masks.measure(of, split) for name, of in narrow.items()},
            neurons=masks.neurons(NEURONS, seed=config.seeds[0]),
            views={
                name: views.measure(f, split, padding) for name, f in cropped.items()
            },
            padding=padding,
        )


def _fit(study, config, build, name, **given):
    """Train a network from every seed, by Adam under a cosine."""
    population = study.population(
        build,
        update_rules.adam(schedules.cosine_decay(config.rate, steps=config.updates)),
        name=name,
        batch_size=config.batch_size,
        updates=config.updates,
        evaluate_every=-(-config.updates // 4),
        **given,
    )
    model = study.network(build).clone(axis_name=None)
    members = [population.member(index) for index in range(len(config.seeds))]
    return layers.Networks(model, members)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    claims = report.family(
        [
            *masks.ensemble_claims(found.masks),
            *layers.noise_claims(found.layers),
            *masks.scaling_claims(found.masks, found.neurons),
            *views.claims(found.views),
            *layers.pooling_claims(found.layers),
            *layers.paper_claims(found.layers),
            masks.baldi_claim(found.masks),
            *layers.wan_claims(found.layers, found.plain_means),
        ]
    )
    return report.Report(
        title="Averaging at test time",
        summary=_summary(found, claims),
        claims=claims,
        deciding="layers",
        sections=[
            *layers.sections(found.layers, found.plain_means),
            masks.section(found.masks),
            *([views.section(found.views, found.padding)] if found.views else []),
        ],
    )


def _summary(found, claims):
    told = functools.partial(report.by_verdict, claims)
    count = next(iter(found.layers.values())).count
    gains = (
        "gains {size} points",
        "loses {size} points",
        "neither gains nor loses clearly ({} points)",
    )
    if found.views:
        views = (
            f"Averaging ten crops {told('L62.accuracy', *gains)} over the image after "
            "training with crops and mirror images, and averaging five crops "
            f"{told('L62.crops.accuracy', *gains)} after training with crops alone."
        )
    else:
        views = "Sequences have no crops, so that views are left out."
    rules = report.group_by_verdict(
        claims,
        {f"rule.{name.replace(' ', '_')}": name for name in found.layers},
        "as accurate as many noisy passes with {}",
        "clearly off their accuracy with {}",
        "not clearly as accurate as many with {}",
    )
    return (
        "One pass of the deterministic rule is "
        f"{rules or 'compared with many noisy passes for fractional pooling alone'}."
        f"\n\nMany noisy passes are {count}, averaged, and as accurate means to half a "
        f"point. Averaging all {found.masks['with dropout'].count:,} sub-networks of a "
        "network with one narrow layer "
        f"{told('L54.ensemble', *gains)} over one of them."
        f"\n\n{views}"
    )
