"""Are published accuracies of residual networks reached, and does SAM add to them?

A ResNet is trained with SGD and with SAM from the same starts on the same batches, of
cropped and mirrored images, for as many epochs; on demand SGD also has twice as many,
which cost as much as SAM's. Seeds are trained one after another, since convolutions of
several networks at once are grouped ones, which accelerators run slowly. All training
examples are trained on, and none chooses anything.

Run: python launch.py --experiment=published_accuracy

Expected: about 10 minutes on one GPU (H200), as estimated: not yet run. Published are
test accuracies of 94.9 % for a ResNet-18 on Fashion-MNIST and, for a ResNet-20 on
CIFAR-10 (`--config.dataset=cifar10 --config.model=resnet20`), of 91.25 %. On CIFAR-10
SAM is published to be the better one; the sizes of its gains are of other networks.

Source: Xiao et al. 2017, arXiv:1708.07747, table of benchmarks in its repository; He et
al. 2016, arXiv:1512.03385, table 6; Foret et al. 2021, arXiv:2010.01412, table 1

Data: fashion_mnist, cifar10, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import jax
import numpy as np
import optax

from experiments import tested, training
from lec7 import data, report, runs, schedules, train, update_rules
from lec7.data import augment

SGD, SAM, LONG = "SGD", "SAM", "SGD, twice as long"
MARGIN = 1.0  # points from a published accuracy that count as having reached it
PUBLISHED = {
    ("fashion_mnist", "resnet18"): (
        94.9,
        "Xiao et al. 2017, arXiv:1708.07747, table of benchmarks in its repository",
    ),
    ("cifar10", "resnet20"): (91.25, "He et al. 2016, arXiv:1512.03385, table 6"),
}
"""Data set and network -> published test accuracy in %, and where."""

SMALL = {
    "dataset": "digits",
    "model": "mlp",
    "seeds": (0, 1),
    "epochs": 1,
    "twice": True,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """What is trained on what, and how."""

    dataset: str = "fashion_mnist"  # name of a data set, of lec7 or of TFDS, or a path
    # network; of a large residual one the stem is that for small images, a 3x3
    # convolution
    model: training.Model = "resnet18"
    seeds: runs.Seeds = (0, 1, 2)  # networks of a rule, at least 2
    epochs: runs.Count = 20  # of SGD and of SAM
    twice: bool = False  # whether SGD is also trained for twice as many epochs
    batch_size: runs.Count = 128  # examples an update
    learning_rate: runs.Positive = 0.1  # first step size, falling along a cosine
    momentum: runs.Fraction = 0.9  # share of the velocity kept
    weight_decay: runs.Positive = 5e-4  # of the L2 penalty's gradient
    rho: runs.Positive = 0.05  # radius of SAM, L2 distance
    # pixels of padding on every side before a crop; 0 for neither crops nor flips
    padding: Annotated[int, runs.at_least(0)] = 4
    # of a residual network's convolutions; parameters and statistics are float32
    dtype: Literal["bfloat16", "float32"] = "bfloat16"


class Findings(NamedTuple):
    """All that was measured."""

    records: Mapping[str, train.Record]
    """Rule -> training."""
    tested: Mapping[str, tested.Tested]
    """Rule -> what its networks make of the test examples."""
    parameters: int
    """Of a network."""
    examples: Mapping[str, int]
    """Split -> how many it has."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train with every rule from every seed."""
    study = training.Study(config, context, ("batch_size",), prepare=_prepare)
    build, split = network(config), study.dataset.train
    rules = (SGD, SAM, LONG) if config.twice else (SGD, SAM)
    records, found, parameters = {}, {}, 0
    for rule in rules:
        with context.phase(f"training with {rule}"):
            each = [_train(config, study, rule, seed) for seed in config.seeds]
            networks = [population.member(0) for population in each]
        records[rule] = joined([population.record for population in each])
        found[rule] = tested.test(study.network(build), networks, study.dataset.test)
        leaves = jax.tree.leaves(networks[0]["params"])
        parameters = sum(leaf.size for leaf in leaves)
    examples = {"train": len(split.labels), "test": len(study.dataset.test.labels)}
    return Findings(records, found, parameters, examples)


def _prepare(whole: data.Dataset) -> data.Dataset:
    return data.standardise(training.without_validation(whole))


def network(config: Config) -> training.Build:
    """Return what makes the network, for small images."""
    return training.named(config.model, large_images=False, dtype=config.dtype)


def crops(shape: Sequence[int], padding: int) -> augment.Augment | None:
    """Return padded crops and mirror images of inputs of a shape, None if not images.

    Args:
      shape: of an input; square images [S, S, C] are cropped.
      padding: pixels on every side; 0 for None.
    """
    if padding == 0 or len(shape) != 3 or shape[0] != shape[1]:
        return None
    return augment.compose(
        augment.random_crop(shape[0], padding=padding), augment.horizontal_flip()
    )


def _train(config, study, rule, seed):
    """Train one network."""
    split = study.dataset.train
    per_epoch = max(1, len(split.labels) // config.batch_size)
    epochs = config.epochs * (2 if rule == LONG else 1)
    descend = optax.chain(
        update_rules.l2_in_loss(config.weight_decay),
        update_rules.momentum(
            schedules.cosine_decay(config.learning_rate, steps=epochs * per_epoch),
            decay=config.momentum,
        ),
    )
    if rule == SAM:
        descend = update_rules.sharpness_aware(descend, rho=config.rho)
    return study.population(
        network(config),
        descend,
        name=f"{rule.replace(',', '')} {seed}",
        seeds=(seed,),
        batch_size=config.batch_size,
        updates=epochs * per_epoch,
        evaluate_every=per_epoch,
        watch=("test",),
        augment=crops(split.images.shape[1:], config.padding),
    )


def joined(records: Sequence[train.Record]) -> train.Record:
    """Return one record of the members of several, trained for as many updates."""
    first = records[0]
    return train.Record(
        updates=np.concatenate([of.updates for of in records]),
        history={
            name: values
            if name.endswith("_step")
            else np.concatenate([of.history[name] for of in records], axis=1)
            for name, values in first.history.items()
        },
        final={
            name: np.concatenate([of.final[name] for of in records])
            for name in first.final
        },
    )


def analyse(config: Config, found: Findings) -> report.Report:
    """Compare with the published number, and SAM with SGD."""
    claims = report.family(_claims(config, found))
    rules = tuple(found.records)
    return report.Report(
        title="Published accuracies",
        summary=_summary(claims),
        claims=claims,
        sections=[
            report.Section(
                "Accuracy",
                f"A {config.model} of {found.parameters:,} parameters learns "
                f"{found.examples['train']:,} examples for {config.epochs} epochs and "
                f"is tested on {found.examples['test']:,}. An update of SAM takes two "
                "gradients.",
                report.Paired(
                    "accuracy",
                    {
                        f"{of} accuracy (%)": [
                            found.records[rule].percent(of) for rule in rules
                        ]
                        for of in ("train", "test")
                    },
                    rules,
                    caption="Accuracy after the last update, on images as they are.",
                ),
                report.Curves(
                    "along",
                    {
                        rule: (
                            of.history["test_accuracy_step"] + 1,
                            100 * of.history["test_accuracy"].T,
                        )
                        for rule, of in found.records.items()
                    },
                    ("updates", "test accuracy (%)"),
                    caption="Test accuracy after every epoch; it chooses nothing.",
                ),
            )
        ],
    )


def _summary(claims):
    told = functools.partial(report.by_verdict, claims)
    reached = ""
    if any(claim.id == "published" for claim in claims):
        reached = told(
            "published",
            "SGD reaches the published test accuracy to within a point; ",
            "SGD ends more than a point from the published test accuracy; ",
            "It is not decided whether SGD reaches the published test accuracy; ",
        )
    adds = "{size} points above", "{size} points below", "not clearly above"
    gain = told("sam.equal_epochs", *adds)
    return f"{reached}SAM's test accuracy is {gain} that of SGD after as many epochs."


def _claims(config, found):
    """Return the claim of the published number, if there is one, and those of SAM."""
    say = report.Claims(source="Foret et al. 2021, arXiv:2010.01412", figure="accuracy")
    claims = []
    if published := PUBLISHED.get((config.dataset, config.model)):
        number, source = published
        claims.append(
            dataclasses.replace(say, source=source).mean(
                "published",
                f"The published test accuracy of {number:g} % is reached by SGD, to "
                f"within {MARGIN:g} point.",
                "% of test examples",
                found.tested[SGD].accuracy(),
                above=number - MARGIN,
                below=number + MARGIN,
            )
        )
    words = {SGD: "as many epochs", LONG: "twice the epochs, at equal cost"}
    return claims + [
        say.paired(
            f"sam.{'equal_cost' if rival == LONG else 'equal_epochs'}",
            f"SAM has a higher test accuracy than SGD after {text}.",
            f"points of test accuracy, SAM − {rival}",
            (found.tested[SAM].accuracy(), found.tested[rival].accuracy()),
            above=0,
        )
        for rival, text in words.items()
        if rival in found.tested
    ]
