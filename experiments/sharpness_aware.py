"""Are the minima of SAM, ASAM and GSAM flatter, do they generalise, and is it worth it?

A network is trained with SGD and with each of the three rules, on right labels and on
labels of which a share is wrong, for as many updates and for as many gradients. The
perturbation is that of m examples, whatever the number of devices.

Run: python launch.py --experiment=sharpness_aware

Expected: 2 minutes on two CPU cores. On right labels the three rules gain 0.4 to 0.8
points of test accuracy over the 97.6 % of SGD after as many updates, 0.2 to 0.6 after
as many gradients; with 60 % wrong labels 21 to 23 points over its 57 %, most of which
SGD gains too if it is stopped in time. Their top eigenvalues are a tenth of SGD's.

Source: Foret et al. 2021, arXiv:2010.01412, tables 1 and 4; Kwon et al. 2021,
arXiv:2102.11600; Zhuang et al. 2022, arXiv:2203.08065

Data: digits, or any other by name or path
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import sharpness_aware_flatness as flatness
from experiments import training
from lec7 import data, losses, report, runs, schedules, train
from lec7 import update_rules as rules

SGD, SGD_LONG = BASELINES = ("SGD", "SGD, twice as long")
SAM, ASAM, GSAM = AWARE = ("SAM", "ASAM", "GSAM")
SOURCES = {
    SAM: "Foret et al. 2021, arXiv:2010.01412",
    ASAM: "Kwon et al. 2021, arXiv:2102.11600",
    GSAM: "Zhuang et al. 2022, arXiv:2203.08065",
}
SPLITS = ("train", "validation", "test")
Radii = Annotated[
    tuple[float, ...],
    runs.Range(
        "two or more rising numbers above 0",
        lambda radii: len(radii) > 1 and radii[0] > 0 and _rise(radii),
    ),
]
Shares = Annotated[
    tuple[float, ...],
    runs.Range(
        "0 and then rising shares below 1",
        lambda of: len(of) > 1 and of[0] == 0 and _rise(of) and of[-1] < 1,
    ),
]
SMALL = {
    "seeds": (0, 1),
    "shares": (0.0, 0.4),
    "width": 4,
    "updates": 4,
    "looks": 2,
    "radii": (0.1, 0.2),
    "adaptive_radii": (1.0, 2.0),
}


def _rise(values):
    return sorted(set(values)) == list(values)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """On what the rules are compared, and with which radii."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(10))  # networks of a population, at least 2
    shares: Shares = (0.0, 0.2, 0.4, 0.6)  # of the training labels that are wrong
    model: training.Model = "mlp"  # network
    width: runs.Count = 64  # hidden units of an mlp
    learning_rate: runs.Positive = 0.05  # first step size, falling along a cosine
    batch_size: runs.Count = 64  # examples an update
    m: runs.Count = 16  # examples that share a perturbation, a divisor of the batch
    updates: runs.Count = 800  # of every training; SGD has a second one, twice as long
    looks: runs.Count = 10  # at the validation accuracy in a training
    # radii of SAM and GSAM, L2 distances, of which the best is taken
    radii: Radii = (0.1, 0.2, 0.4)
    # radii of ASAM, relative to the weights, of which the best is taken
    adaptive_radii: Radii = (1.0, 2.0, 4.0)
    # of GSAM, how much of the gap it takes away
    alpha: Annotated[float, runs.at_least(0)] = 0.2
    rho: runs.Positive = 0.05  # radius of the ball in which sharpness is measured

    def _check(self):
        if self.updates % self.looks:
            raise ValueError(
                f"updates is {self.updates}; expected a multiple of looks, which is "
                f"{self.looks}"
            )


class Trained(NamedTuple):
    """Networks of one rule: F shares of wrong labels, R radii, M seeds."""

    radii: tuple[float, ...]
    """R; of a rule without a radius, one."""
    accuracy: Mapping[str, np.ndarray]
    """Split -> accuracy [F, R, M], percent; `train` against the labels it was given."""
    loss: Mapping[str, np.ndarray]
    """Split -> loss [F, R, M], nats."""
    updates: np.ndarray
    """Made at the looks, [T]."""
    validation: np.ndarray
    """Validation accuracy at the looks, [T, F, R, M], percent."""

    def best(self) -> np.ndarray:
        """Return the place of the radius best on the validation set [F]."""
        return self.accuracy["validation"].mean(axis=-1).argmax(axis=-1)

    def at_best(self, values: np.ndarray) -> np.ndarray:
        """Return values [F, R, M] at the best radius of each share [F, M]."""
        return np.stack([row[r] for row, r in zip(values, self.best(), strict=True)])

    def best_accuracy(self, split: str = "test") -> np.ndarray:
        """Return the accuracy at the best radius of each share [F, M], percent."""
        return self.at_best(self.accuracy[split])

    @property
    def most_wrong(self) -> np.ndarray:
        """Validation accuracies with the most wrong labels [T, M], percent."""
        return self.validation[:, -1, self.best()[-1]]


class Findings(NamedTuple):
    """All that was measured."""

    trained: Mapping[str, Trained]
    """By rule."""
    sharpness: Mapping[str, Mapping[str, np.ndarray]]
    """Measure -> rule -> value [M], without wrong labels and at the best radius."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train with every rule, and measure the minima."""
    whole = len(context.devices) * config.m
    if config.batch_size % whole:
        raise runs.UsageError(
            f"--config.batch_size={config.batch_size}: expected a multiple of {whole}, "
            f"m={config.m} times --devices={len(context.devices)}"
        )
    study = training.Study(config, context)
    trained, minima = {}, {}
    with context.phase("training"):
        for name, (make, radii) in _rules(config).items():
            trained[name], networks = _train(config, study, name, make, radii)
            radius = trained[name].best()[0]
            minima[name] = jax.tree.map(lambda leaf, r=radius: leaf[0, r], networks)
    with context.phase("sharpness"):
        return Findings(
            trained, flatness.measure(config, context, study, _network(config), minima)
        )


def _rules(config):
    """Return name -> what makes the rule of a base and a radius, and the radii."""

    def plain(base, rho):
        del rho
        return base

    asam = functools.partial(
        rules.sharpness_aware, adaptive=True, eta=0.01, adapt_biases=False
    )
    return {
        SGD: (plain, (0.0,)),
        SGD_LONG: (plain, (0.0,)),
        SAM: (rules.sharpness_aware, config.radii),
        ASAM: (asam, config.adaptive_radii),
        GSAM: (functools.partial(rules.gsam, alpha=config.alpha), config.radii),
    }


def _network(config):
    return training.named(config.model, widths=(config.width,))


def _train(config, study, name, make, radii):
    """Train all members of a rule, and return what they came to and their variables.

    A member is a share of wrong labels, a radius and a seed. Each has wrong labels of
    its own, the same under every rule.
    """
    updates = config.updates * (2 if name == SGD_LONG else 1)
    rate = schedules.cosine_decay(config.learning_rate, steps=updates)
    dims = (len(config.shares), len(radii), len(config.seeds))
    every = list(itertools.product(config.shares, radii, config.seeds))
    split, classes = study.dataset.train, study.dataset.num_classes
    labels = np.stack([wrong_labels(split, classes, of, seed) for of, _, seed in every])
    seeds = [seed for _, _, seed in every]
    population = study.population(
        _network(config),
        optax.inject_hyperparams(lambda rho: make(rules.momentum(rate), rho=rho))(
            rho=0.0
        ),
        name=name.replace(",", ""),
        dataset={
            "train": _feed(np.asarray(split.images), labels, seeds, config.batch_size),
            "validation": study.dataset.validation,
            "test": study.dataset.test,
        },
        batch_size=config.batch_size,
        updates=updates,
        seeds=seeds,
        hyperparams={"rho": np.array([rho for _, rho, _ in every])},
        evaluate_every=updates // config.looks,
        watch=("validation", "test"),
        m=None if name in BASELINES else config.m,
    )
    given = _on_given_labels(config, study, population.variables, labels)
    final = {
        metric: values.astype(np.float64).reshape(dims)
        for metric, values in (dict(population.final) | given).items()
    }
    history = population.history
    trained = Trained(
        radii=tuple(radii),
        accuracy={of: 100 * final[f"{of}_accuracy"] for of in SPLITS},
        loss={of: final[f"{of}_loss"] for of in SPLITS},
        updates=history["validation_accuracy_step"] + 1,
        validation=100 * history["validation_accuracy"].reshape(-1, *dims),
    )
    return trained, jax.tree.map(
        lambda leaf: leaf.reshape(*dims, *leaf.shape[1:]), population.variables
    )


def wrong_labels(
    split: data.Split, classes: int, share: float, seed: int
) -> np.ndarray:
    """Return the labels [N] with a share replaced by another class, all as likely."""
    rng = np.random.default_rng([seed, len(split.labels)])
    order = rng.permutation(len(split.labels))
    shifts = rng.integers(1, classes, size=len(order)).astype(split.labels.dtype)
    wrong = order < round(share * len(order))
    return np.where(wrong, (split.labels + shifts) % classes, split.labels)


def _feed(
    images: np.ndarray, labels: np.ndarray, seeds: Sequence[int], batch_size: int
) -> train.Feed:
    """Return batches of the same images, with every member's own labels [M, N]."""
    feed = train.from_arrays(images, labels[0], seeds=seeds, batch_size=batch_size)

    def fetch(data, slot):
        images, labels = data
        return images[slot], jnp.take_along_axis(labels, slot, axis=1)

    return feed._replace(data=(images, labels), fetch=fetch)


def _on_given_labels(config, study, variables, labels):
    """Return loss and accuracy on the training set with the labels given [M, N]."""
    model, images = study.network(_network(config)), study.dataset.train.images
    metrics = train.batch_metrics(model, losses.cross_entropy)
    size = len(images) if config.model == "mlp" else training.chunk(config.model)

    @jax.jit
    def each(variables, images, labels):
        return jax.lax.map(
            lambda member: metrics(member[0], (images, member[1])), (variables, labels)
        )

    total = {}
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        found = jax.device_get(each(variables, images[part], labels[:, part]))
        for name, means in found.items():
            share = np.float64(means) * len(images[part]) / len(images)
            total[f"train_{name}"] = total.get(f"train_{name}", 0.0) + share
    return total


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide every claim about every rule, and show what was found."""
    claims = report.family(
        [
            claim
            for rule in AWARE
            for claim in (
                *_accuracy_claims(config, found.trained, rule),
                *flatness.claims(found.sharpness, rule, SOURCES[rule]),
            )
        ]
    )
    return report.Report(
        title="Sharpness-aware rules",
        summary=_summary(config, found.trained, report.effects(claims)),
        claims=claims,
        sections=[
            _accuracies(config, found.trained),
            _radii(config, found.trained),
            flatness.section(
                found.sharpness, (SGD, *AWARE), (*BASELINES, *AWARE), config.rho
            ),
        ],
    )


def _accuracy_claims(config, trained, rule):
    """Return the claims at equal updates, and at equal gradients at either end."""
    say = report.Claims(source=SOURCES[rule], figure="wrong_labels")
    last = len(config.shares) - 1
    rows = [("accuracy", SGD, place, "") for place in range(last + 1)]
    rows += [
        ("gradients", SGD_LONG, place, ", which is twice the updates")
        for place in (0, last)
    ]
    words = {"accuracy": "updates", "gradients": "gradients"}
    return [
        say.paired(
            f"{rule}.{kind}.{round(100 * config.shares[place])}",
            f"With {100 * config.shares[place]:.0f} % wrong labels, {rule} has a "
            f"higher test accuracy than SGD after as many {words[kind]}{end}.",
            f"points of test accuracy, {rule} − SGD",
            (
                trained[rule].best_accuracy()[place],
                trained[baseline].best_accuracy()[place],
            ),
            above=0,
        )
        for kind, baseline, place, end in rows
    ]


def _summary(config, trained, effects):
    most = f"{round(100 * config.shares[-1])}"

    def of(rule):
        return (
            f"{rule} changes the test accuracy by {effects[f'{rule}.accuracy.0']} "
            f"points, and by {effects[f'{rule}.accuracy.{most}']} points with {most} % "
            "wrong labels; against SGD with as many gradients by "
            f"{effects[f'{rule}.gradients.0']} and "
            f"{effects[f'{rule}.gradients.{most}']}. Its top eigenvalue is "
            f"{effects[f'{rule}.top_eigenvalue']} times that of SGD."
        )

    baseline = trained[SGD].best_accuracy()
    stopped = trained[SGD].most_wrong.max(axis=0)
    return " ".join(
        (
            f"SGD has a test accuracy of {report.format_spread(baseline[0])} % with "
            f"{100 * config.shares[0]:.0f} % wrong labels and "
            f"{report.format_spread(baseline[-1])} % with {most} %.",
            *map(of, AWARE),
            "Stopped in time, SGD has a validation accuracy of "
            f"{report.format_spread(stopped)} % with {most} % wrong labels.",
        )
    )


def _accuracies(config, trained):
    shares = 100 * np.array(config.shares)
    peaks = ", ".join(
        f"{report.format_spread(trained[rule].most_wrong.max(axis=0))} % with {rule}"
        for rule in (SGD, *AWARE)
    )
    return report.Section(
        "Wrong labels",
        "A share of the training labels is replaced by other classes, drawn anew for "
        "every seed and the same for all rules; validation and test labels are right. "
        "All rules descend with momentum, from the same starts, on the same batches, "
        f"for {config.updates:,} updates. An update of a sharpness-aware rule takes "
        "two gradients, so SGD is also given twice the updates. The perturbation is "
        f"that of {config.m} examples (m-sharpness) in a batch of {config.batch_size}. "
        "All have one learning rate, whereas the radius of each rule is the best of "
        "several for each share, by validation with right labels. The split of the "
        "images is the same for all seeds.\n\n"
        "A training that is stopped in time learns fewer wrong labels. The highest "
        f"validation accuracies along the training with {shares[-1]:.0f} % of them are "
        f"{peaks}.",
        _costs(config, trained),
        report.Curves(
            "wrong_labels",
            {rule: (shares, of.best_accuracy().T) for rule, of in trained.items()},
            ("wrong labels in the training set (%)", "test accuracy (%)"),
            caption="Test accuracy after the last update, each rule at its best "
            "radius.",
        ),
        report.Curves(
            "memorising",
            {
                rule: (of.updates * (1 if rule in BASELINES else 2), of.most_wrong.T)
                for rule, of in trained.items()
            },
            ("gradients", "validation accuracy (%)"),
            caption=f"Validation accuracy along the training with {shares[-1]:.0f} % "
            "wrong labels.",
        ),
    )


def _costs(config, trained):
    """Return accuracies and losses for every rule and share."""
    rows = []
    for rule, of in trained.items():
        updates = config.updates * (2 if rule == SGD_LONG else 1)
        gradients = updates * (1 if rule in BASELINES else 2)
        for place, share in enumerate(config.shares):
            radius = of.radii[of.best()[place]]
            rows.append(
                (
                    f"{rule}, {100 * share:.0f} %",
                    "–" if rule in BASELINES else f"{radius:g}",
                    updates,
                    gradients,
                    of.best_accuracy("train")[place],
                    of.best_accuracy()[place],
                    of.at_best(of.loss["test"])[place],
                )
            )
    return report.Table(
        ("rule, wrong labels", "radius", "updates", "gradients")
        + ("given (%)", "test (%)", "test loss (nats)"),
        rows,
        "What every training costs and comes to: the accuracy on the training set with "
        "the labels given, and on the test set; mean ± standard deviation over seeds.",
    )


def _radii(config, trained):
    return report.Section(
        "The radius",
        "Each rule has the radius with the best validation accuracy for its share of "
        "wrong labels. GSAM's is kept constant here rather than made to fall with the "
        f"rate, and its alpha is {config.alpha:g}; ASAM's distance is relative to "
        "|w| + 0.01 and leaves biases out, as its authors have it.",
        *(
            report.Curves(
                name,
                {
                    f"{rule}, {100 * config.shares[place]:.0f} % wrong": (
                        trained[rule].radii,
                        trained[rule].accuracy["test"][place].T,
                    )
                    for rule in several
                    for place in (0, len(config.shares) - 1)
                },
                (f"radius rho{unit}", "test accuracy (%)"),
                log="x",
                caption=f"Test accuracy against the radius of {' and '.join(several)}.",
            )
            for name, several, unit in (
                ("radius", (SAM, GSAM), " (L2 distance)"),
                ("adaptive_radius", (ASAM,), ", relative to |w| + 0.01"),
            )
        ),
    )
