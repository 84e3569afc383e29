"""Are the minima of SAM, ASAM and GSAM flatter, do they generalise, and is it worth it?

A network is trained with SGD and with each of the three rules, on right labels and on
labels of which a share is wrong, for as many updates and for as many gradients. Each is
stopped, and its setting chosen, by validation: the radius of a rule, and of SGD the
rate and weight decay, of which it tries so many that it takes no fewer gradients in
all. The perturbation is that of m examples, whatever the number of devices. How flat
minima are is compared at one constant rate and one training loss, with which sharpness
falls.

Run: python launch.py --experiment=sharpness_aware

Expected: 7 minutes on two CPU cores; of 30 claims 12 are supported and 18 inconclusive.
Against SGD tuned and stopped alike, with as many gradients, all three rules gain 1.5 to
1.7 points of test accuracy with 20 % wrong labels, and SAM 1.9 with 40 %; on right
labels, and with 60 % wrong ones, no gain is decided. At one rate and training loss the
minima of all three are the flatter: their top eigenvalues are 0.19 to 0.26 times that
of SGD's.

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
from experiments import tested, training
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
FACTORS = (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, 16.0)  # of SGD's rates
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
    "stop_loss": 2.0,
    "max_steps": 40,
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
    # first step size, falling along a cosine; SGD takes the best of six, from a
    # sixty-fourth of it to sixteen times it
    learning_rate: runs.Positive = 0.05
    # of the L2 penalty's gradient, with which SGD is tried as well as without
    weight_decay: runs.Positive = 1e-3
    batch_size: runs.Count = 64  # examples an update
    m: runs.Count = 16  # examples that share a perturbation, a divisor of the batch
    updates: runs.Count = 800  # of every training; SGD has a second one, twice as long
    looks: runs.Count = 10  # at the validation accuracy in a training
    # radii of SAM and GSAM, L2 distances, of which the best is taken
    radii: Radii = (0.05, 0.1, 0.2, 0.4)
    # radii of ASAM, relative to the weights, of which the best is taken
    adaptive_radii: Radii = (0.5, 1.0, 2.0, 4.0)
    # of GSAM, how much of the gap it takes away
    alpha: Annotated[float, runs.at_least(0)] = 0.2
    stop_loss: runs.Positive = 0.01  # training loss at which flatness is compared, nats
    max_steps: runs.Count = 4_000  # updates to that loss at the most
    rho: runs.Positive = 0.05  # radius of the ball in which sharpness is measured

    def _check(self):
        if self.updates % self.looks:
            raise ValueError(
                f"updates is {self.updates}; expected a multiple of looks, which is "
                f"{self.looks}"
            )


class Setting(NamedTuple):
    """Of which a rule takes the best."""

    rho: float
    """Radius; 0 of a rule without one."""
    rate: float
    """First step size."""
    decay: float
    """Rate of the L2 penalty's gradient."""

    def text(self, rule: str) -> str:
        """Return what differs between the settings of a rule."""
        if rule in BASELINES:
            return f"rate {self.rate:g}, decay {self.decay:g}"
        return f"radius {self.rho:g}"


class Trained(NamedTuple):
    """Networks of one rule: F shares of wrong labels, R settings, M seeds."""

    settings: tuple[Setting, ...]
    """R."""
    accuracy: Mapping[str, np.ndarray]
    """Split -> accuracy [F, R, M], percent; `train` against the labels it was given."""
    loss: Mapping[str, np.ndarray]
    """Split -> loss [F, R, M], nats."""
    updates: np.ndarray
    """Made at the looks, [T]."""
    validation: np.ndarray
    """Validation accuracy at the looks, [T, F, R, M], percent."""
    tested: tuple[tested.Tested, ...]
    """F; at the best look of the best setting."""

    def best(self) -> list[tuple[int, int]]:
        """Return look and setting best on the validation set for each share, [F]."""
        means = np.nan_to_num(np.moveaxis(self.validation.mean(axis=-1), 1, 0))
        return [np.unravel_index(of.argmax(), of.shape) for of in means]

    def at_end(self, values: np.ndarray) -> np.ndarray:
        """Return values [F, R, M] in the best setting of each share [F, M]."""
        return np.stack(
            [row[r] for row, (_, r) in zip(values, self.best(), strict=True)]
        )

    def accuracies(self) -> np.ndarray:
        """Return the test accuracy of each share [F, M], percent."""
        return np.stack([of.accuracy().mean(axis=1) for of in self.tested])

    @property
    def most_wrong(self) -> np.ndarray:
        """Validation accuracies with the most wrong labels [T, M], percent."""
        return self.validation[:, -1, self.best()[-1][1]]

    def at_border(self, share: int) -> str | None:
        """Say that the best radius or rate is at an end of its list, if it is."""
        best = self.settings[self.best()[share][1]]
        for name, values, value in (
            ("radius", {setting.rho for setting in self.settings}, best.rho),
            ("rate", {setting.rate for setting in self.settings}, best.rate),
        ):
            if len(values) > 1 and value in (min(values), max(values)):
                return f"best {name}, {value:g}, is at an end of its list"
        return None


class Findings(NamedTuple):
    """All that was measured."""

    trained: Mapping[str, Trained]
    """By rule."""
    flat: flatness.Flatness
    """Of networks at one training loss, without wrong labels."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train with every rule, and measure the minima."""
    whole = len(context.devices) * config.m
    if config.batch_size % whole:
        raise runs.UsageError(
            f"--config.batch_size={config.batch_size}: expected a multiple of {whole}, "
            f"m={config.m} times --devices={len(context.devices)}"
        )
    study = training.Study(config, context)
    makers = _rules(config)
    with context.phase("training"):
        trained = {
            name: _train(config, study, name, *of) for name, of in makers.items()
        }
        populations = {
            name: _train_to_loss(config, study, name, makers[name][0], trained[name])
            for name in (SGD, *AWARE)
        }
    with context.phase("sharpness"):
        return Findings(
            trained,
            flatness.measure(config, context, study, _network(config), populations),
        )


def _rules(config):
    """Return name -> what makes the rule of a base and a radius, and its settings."""

    def plain(base, rho):
        del rho
        return base

    asam = functools.partial(
        rules.sharpness_aware, adaptive=True, eta=0.01, adapt_biases=False
    )
    base = config.learning_rate
    tuned = [
        Setting(0.0, base * factor, decay)
        for factor, decay in itertools.product(FACTORS, (0.0, config.weight_decay))
    ]
    radii, adaptive = (
        [Setting(rho, base, 0.0) for rho in of]
        for of in (config.radii, config.adaptive_radii)
    )
    return {
        SGD: (plain, tuned),
        SGD_LONG: (plain, tuned),
        SAM: (rules.sharpness_aware, radii),
        ASAM: (asam, adaptive),
        GSAM: (functools.partial(rules.gsam, alpha=config.alpha), radii),
    }


def _network(config):
    return training.named(config.model, widths=(config.width,))


def _part(variables, seeds, place):
    """Return the networks of all seeds at a place among the members of a rule."""
    part = slice(place * seeds, (place + 1) * seeds)
    return jax.tree.map(lambda leaf: leaf[part], variables)


def _train(config, study, name, make, settings):
    """Train all members of a rule, and return what they came to.

    A member is a share of wrong labels, a setting and a seed. Each has wrong labels of
    its own, the same under every rule.
    """
    updates = config.updates * (2 if name == SGD_LONG else 1)
    falling = schedules.cosine_decay(1.0, steps=updates)
    dims = (len(config.shares), len(settings), len(config.seeds))
    every = list(itertools.product(config.shares, settings, config.seeds))
    hyperparams = Setting(*np.transpose([of for _, of, _ in every]))._asdict()

    def rule(rho, rate, decay):
        base = rules.momentum(lambda count: rate * falling(count))
        return make(optax.chain(rules.l2_in_loss(decay), base), rho=rho)

    split, classes = study.dataset.train, study.dataset.num_classes
    labels = np.stack([wrong_labels(split, classes, of, seed) for of, _, seed in every])
    seeds = [seed for _, _, seed in every]
    population = study.population(
        _network(config),
        optax.inject_hyperparams(rule)(**dict.fromkeys(hyperparams, 0.0)),
        name=name.replace(",", ""),
        dataset={
            "train": _feed(np.asarray(split.images), labels, seeds, config.batch_size),
            "validation": study.dataset.validation,
            "test": study.dataset.test,
        },
        batch_size=config.batch_size,
        updates=updates,
        seeds=seeds,
        hyperparams=hyperparams,
        evaluate_every=updates // config.looks,
        snapshot_every=updates // config.looks,
        on_divergence="stop",
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
        settings=tuple(settings),
        accuracy={of: 100 * final[f"{of}_accuracy"] for of in SPLITS},
        loss={of: final[f"{of}_loss"] for of in SPLITS},
        updates=history["validation_accuracy_step"] + 1,
        validation=100 * history["validation_accuracy"].reshape(-1, *dims),
        tested=(),
    )
    return trained._replace(tested=_tested(config, study, population, trained))


def _train_to_loss(config, study, name, make, trained):
    """Train networks on right labels to one loss, with the radius best on them.

    The rate is constant, and the same for all rules.
    """
    radius = trained.settings[trained.best()[0][1]].rho
    return study.population(
        _network(config),
        make(rules.momentum(config.learning_rate), rho=radius),
        name=f"{name} to one loss",
        batch_size=config.batch_size,
        updates=config.max_steps,
        evaluate_every=20,
        stop_loss=config.stop_loss,
        ceiling=train.CEILING,
        m=None if name in BASELINES else config.m,
    )


def _tested(config, study, population, trained):
    """Return what the best networks of each share make of the test examples."""
    model, seeds = study.network(_network(config)), len(config.seeds)
    found = []
    for share, (look, setting) in enumerate(trained.best()):
        kept = population.snapshots[int(trained.updates[look])]
        several = _part(kept, seeds, share * len(trained.settings) + setting)
        networks = [jax.tree.map(lambda x, i=i: x[i], several) for i in range(seeds)]
        found.append(tested.test(model, networks, study.dataset.test))
    return tuple(found)


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
                *flatness.claims(config, found.flat, rule, SGD, SOURCES[rule]),
            )
        ]
    )
    return report.Report(
        title="Sharpness-aware rules",
        summary=_summary(config, found.trained, claims),
        claims=claims,
        sections=[
            _accuracies(config, found.trained),
            _radii(config, found.trained),
            flatness.section(config, found.flat),
        ],
    )


def _accuracy_claims(config, trained, rule):
    """Return the claims at equal updates, and at equal gradients at either end."""
    say = report.Claims(source=SOURCES[rule], figure="wrong_labels")
    fair = {
        (baseline, place): dataclasses.replace(
            say, untested=_at_border(trained, (baseline, rule), place)
        )
        for baseline in BASELINES
        for place in range(len(config.shares))
    }
    words = {"accuracy": "updates", "gradients": "gradients"}
    return [
        fair[baseline, place].paired(
            f"{rule}.{kind}.{round(100 * config.shares[place])}",
            f"With {100 * config.shares[place]:.0f} % wrong labels, {rule} has a "
            f"higher test accuracy than SGD at the best of as many {words[kind]}{end}, "
            f"each tuned: {rule}'s radius, SGD's rate and weight decay, "
            f"{config.weight_decay:g} or none.",
            f"points of test accuracy, {rule} − SGD",
            (
                trained[rule].tested[place].accuracy(),
                trained[baseline].tested[place].accuracy(),
            ),
            above=0,
        )
        for kind, baseline, end in (
            ("accuracy", SGD, ""),
            ("gradients", SGD_LONG, ", which is twice the updates"),
        )
        for place in range(len(config.shares))
    ]


def _at_border(trained, names, place):
    for name in names:
        if why := trained[name].at_border(place):
            return f"{name}: {why}; a longer list would show it"
    return None


def _summary(config, trained, claims):
    effects = report.effects(claims)
    most = f"{round(100 * config.shares[-1])}"

    def groups(id, *words):
        ids = {rule: id.format(rule) for rule in AWARE}
        names = {of: f"{rule} ({effects[of]})" for rule, of in ids.items()}
        return report.group_by_verdict(claims, names, *words)

    higher = "higher with {}", "lower with {}", "not clearly higher with {}"
    flatter = "flatter with {}", "sharper with {}", "not clearly flatter with {}"
    minima, gain = (
        report.group_by_verdict(
            claims, {f"{rule}.{id}": rule for rule in AWARE}, *words
        )
        for id, words in (("top_eigenvalue", flatter), ("gradients.0", higher))
    )
    baseline = trained[SGD_LONG].accuracies()
    return (
        "Against tuned SGD with as many gradients, the test accuracy on right labels "
        f"is {gain}. Against SGD at the same rate and training loss, minima are "
        f"{minima}."
        f"\n\nIn points of test accuracy, it is {groups('{}.gradients.0', *higher)}; "
        f"with {most} % wrong labels it is {groups(f'{{}}.gradients.{most}', *higher)}."
        "\n\nStopped and tuned by validation, SGD has a test accuracy of "
        f"{report.format_spread(baseline[0])} % on right labels and "
        f"{report.format_spread(baseline[-1])} % with {most} % wrong ones."
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
        f"that of {config.m} examples (m-sharpness) in a batch of "
        f"{config.batch_size}. For each share of wrong labels the validation set, "
        "whose labels are right, chooses the radius of a rule or the rate and weight "
        f"decay of SGD, and when to stop, out of {config.looks} looks. The split of "
        "the images is the same for all seeds.\n\nA training that is stopped in time "
        "learns fewer wrong labels. The highest validation accuracies along the "
        f"training with {shares[-1]:.0f} % of them are {peaks}.",
        _costs(config, trained),
        report.Curves(
            "wrong_labels",
            {rule: (shares, of.accuracies().T) for rule, of in trained.items()},
            ("wrong labels in the training set (%)", "test accuracy (%)"),
            caption="Test accuracy of each rule, stopped and tuned by validation: the "
            "higher its curve, the better it generalises.",
        ),
        report.Curves(
            "memorising",
            {
                rule: (of.updates * (1 if rule in BASELINES else 2), of.most_wrong.T)
                for rule, of in trained.items()
            },
            ("gradients", "validation accuracy (%)"),
            caption=f"Validation accuracy along the training with {shares[-1]:.0f} % "
            "wrong labels: where a curve falls, wrong labels are learned.",
        ),
    )


def _costs(config, trained):
    """Return accuracies and losses for every rule and share."""
    rows = []
    for rule, of in trained.items():
        updates = config.updates * (2 if rule == SGD_LONG else 1)
        gradients = updates * (1 if rule in BASELINES else 2)
        for place, share in enumerate(config.shares):
            look, setting = of.best()[place]
            rows.append(
                (
                    f"{rule}, {100 * share:.0f} %",
                    of.settings[setting].text(rule),
                    gradients,
                    int(of.updates[look]),
                    of.accuracies()[place],
                    of.at_end(of.accuracy["test"])[place],
                    of.at_end(of.accuracy["train"])[place],
                )
            )
    return report.Table(
        ("rule, wrong labels", "setting", "gradients", "stopped after")
        + ("test, stopped (%)", "test, at the end (%)", "given, at the end (%)"),
        rows,
        "What every training costs and comes to: the test accuracy where it is stopped "
        "and after the last update, and then the accuracy on the training set with the "
        "labels given; mean ± standard deviation over seeds.",
    )


def _radii(config, trained):
    return report.Section(
        "The radius",
        "GSAM's is kept constant here rather than made to fall with the "
        f"rate, and its alpha is {config.alpha:g}; ASAM's distance is relative to "
        "|w| + 0.01 and leaves biases out, as its authors have it.",
        *(
            report.Curves(
                name,
                {
                    f"{rule}, {100 * config.shares[place]:.0f} % wrong": (
                        [setting.rho for setting in trained[rule].settings],
                        trained[rule].accuracy["test"][place].T,
                    )
                    for rule in several
                    for place in (0, len(config.shares) - 1)
                },
                (f"radius{unit}", "test accuracy (%)"),
                log="x",
                caption="Test accuracy after the last update, against the radius of "
                f"{' and '.join(several)}.",
            )
            for name, several, unit in (
                ("radius", (SAM, GSAM), " (L2 distance)"),
                ("adaptive_radius", (ASAM,), ", relative to |w| + 0.01"),
            )
        ),
    )
