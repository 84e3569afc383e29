"""Are there as many large eigenvalues of the Hessian as classes?

Networks learn the first few classes of a data set, or more of them. Of the largest
eigenvalues of the Hessian of the training loss, those above the last wide gap stand
out. Along the training on all classes it is measured how much of the gradient lies in
the space of as many top eigenvectors as classes. Last, the density of the eigenvalues
from Lanczos quadrature is compared with that of all eigenvalues.

Run: python launch.py --experiment=outliers

Expected: 5 minutes on two CPU cores. Of 14 claims 13 are supported and one is
inconclusive. After training on 2, 4, 7 and 10 classes 1, 3, 6 and 9 eigenvalues stand
out in every network. In the space of the top 10 eigenvectors lie 0.41 of the squared
gradient before training (0.30 to 0.51, not decided against a half), 0.82 after 100
updates and 0.96 after 1,600. Distributions by Lanczos and of all eigenvalues differ by
0.0003. The rule for what stands out was chosen on seeds 100 to 103.

Source: Sagun et al. 2017, arXiv:1706.04454; Papyan 2020, arXiv:2008.11865; Gur-Ari,
Roberts and Dyer 2018, arXiv:1812.04754; Ghorbani, Krishnan and Xiao 2019,
arXiv:1901.10159

Data: mnist5k, or any data set
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import jax
import numpy as np

from experiments import outliers_density, outliers_top, training
from lec7 import data, losses, models, report, runs, train, update_rules

SAGUN = "Sagun et al. 2017, arXiv:1706.04454; Papyan 2020, arXiv:2008.11865"
MOST = 0.5  # share above which most is claimed

Steps = Annotated[
    tuple[int, ...],
    runs.Range(
        "0 first, then two or more rising numbers",
        lambda steps: (
            len(steps) > 2 and steps[0] == 0 and list(steps) == sorted(set(steps))
        ),
    ),
]
Classes = Annotated[
    tuple[int, ...],
    runs.Range(
        "two or more rising numbers, each at least 2",
        lambda them: len(them) > 1 and them[0] > 1 and list(them) == sorted(set(them)),
    ),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """Which networks are trained, and when their Hessians are looked at."""

    dataset: str = "mnist5k"  # name of a data set
    # networks of a population, at least 2, on none of which a range was chosen
    seeds: runs.Seeds = tuple(range(10))
    classes: Classes = (2, 4, 7, 10)  # how many are learnt, the first of the data set
    width: runs.Count = 20  # hidden units
    learning_rate: runs.Positive = 0.1  # of SGD
    batch_size: runs.Count = 50  # examples an update
    looks: Steps = (0, 25, 100, 400, 1_600)  # updates made when looked at; last, all
    images: runs.Count = 150  # on which all eigenvalues are computed
    spectra: runs.Several = 3  # networks of which all eigenvalues are computed

    def _check(self):
        if self.spectra > len(self.seeds):
            raise ValueError(
                f"spectra is {self.spectra}; expected at most {len(self.seeds)}, the "
                "number of seeds"
            )


SMALL = {"dataset": "digits", "seeds": (0, 1), "classes": (2, 3), "width": 3} | {
    "looks": (0, 4, 8),
    "images": 20,
    "spectra": 2,
}


class Findings(NamedTuple):
    """All that was measured."""

    looks: Mapping[str, outliers_top.Looks]
    """Number of classes -> what was seen; all looks for the most, else the last."""
    densities: tuple[outliers_density.Density, ...]
    """Of the first networks that learnt most classes."""
    parameters: int
    """P of those."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train on ever more classes, and look at the Hessians."""
    context = dataclasses.replace(context, devices=context.devices[:1])
    study = training.Study(config, context, prepare=training.without_validation)
    _require_classes(config, study.dataset)
    looks, most = {}, config.classes[-1]
    for classes in config.classes:
        few = first_classes(study.dataset, classes)
        with context.phase("training"):
            networks = _train(config, study, few)
        steps = config.looks if classes == most else config.looks[-1:]
        with context.phase("eigenvalues"):
            looks[str(classes)] = context.once(
                f"looks {classes}",
                outliers_top.Looks,
                functools.partial(_look, config, context, few, networks, steps),
            )
    with context.phase("densities"):
        densities = _densities(config, context, few, networks[config.looks[-1]])
    sizes = [leaf[0].size for leaf in jax.tree.leaves(networks[0])]
    return Findings(looks, densities, sum(sizes))


def _require_classes(config, dataset):
    if config.classes[-1] > dataset.num_classes:
        raise runs.UsageError(
            f"--config.classes={config.classes}: expected at most "
            f"{dataset.num_classes}, the number of classes of {dataset.name}"
        )


def first_classes(dataset: data.Dataset, count: int) -> data.Dataset:
    """Return the examples of the first classes alone."""
    splits = {
        name: data.Split(*(leaf[split.labels < count] for leaf in split))
        for name, split in (("train", dataset.train), ("test", dataset.test))
    }
    return dataclasses.replace(dataset, num_classes=count, **splits)


def _build(config, classes, **shape):
    return models.MLP(**{**shape, "num_classes": classes, "widths": (config.width,)})


def _train(config, study, dataset):
    """Return updates made -> parameters [M, ...]."""
    build = functools.partial(_build, config, dataset.num_classes)
    rule, every = update_rules.sgd(config.learning_rate), math.gcd(*config.looks)
    trained = study.population(
        build,
        rule,
        name=f"{dataset.num_classes} classes",
        batch_size=config.batch_size,
        updates=config.looks[-1],
        dataset=dataset,
        watch=(),
        evaluate_every=every,
        snapshot_every=every,
    )
    start = study.initialise(study.network(build))
    start = train.initial_population(start, rule, config.seeds).params
    kept = {step: each["params"] for step, each in trained.snapshots.items()}
    return {0: start, **kept, config.looks[-1]: trained.variables["params"]}


def _loss(config, classes):
    """Return the loss of parameters on a batch."""
    metrics = train.batch_metrics(_build(config, classes), losses.cross_entropy)
    return lambda params, batch: metrics({"params": params}, batch)["loss"]


def _member(networks, index):
    return jax.tree.map(lambda leaf: leaf[index], networks)


def _look(config, context, dataset, networks, steps):
    """Return what is seen of every network at every look."""
    classes, rows = dataset.num_classes, []
    loss_fn, name = _loss(config, classes), f"Hessians, {classes} classes"
    with context.progress.task(name, len(config.seeds), unit="network") as task:
        for index, seed in enumerate(config.seeds):
            seen, space = [], None
            for step in steps:
                params = _member(networks[step], index)
                one, space = outliers_top.look(loss_fn, params, dataset, seed, space)
                seen.append(one)
            rows.append(jax.tree.map(lambda *them: np.stack(them), *seen))
            task.update(index + 1)
    return jax.tree.map(lambda *them: np.stack(them), *rows)


def _densities(config, context, dataset, networks):
    """Return the density, twice, of the first networks."""
    loss_fn = _loss(config, dataset.num_classes)
    few = data.Split(*(leaf[: config.images] for leaf in dataset.train))
    found = []
    with context.progress.task("spectra", config.spectra, unit="network") as task:
        for index, seed in enumerate(config.seeds[: config.spectra]):
            params = _member(networks, index)
            measure = functools.partial(
                outliers_density.measure, loss_fn, params, few, seed
            )
            name = f"spectrum {seed}"
            found.append(context.once(name, outliers_density.Density, measure))
            task.update(index + 1)
    return tuple(found)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show spectra, gradients and densities."""
    counts = {int(classes): of.outliers[:, -1] for classes, of in found.looks.items()}
    last = found.looks[str(config.classes[-1])]
    claims = report.family(
        [
            *_count_claims(config, counts, last),
            *outliers_top.claims(config, last),
            *outliers_density.claims(found.densities, config.classes[-1] - 1),
        ]
    )
    return report.Report(
        title="Outliers of the Hessian",
        summary=_summary(config, counts, claims),
        claims=claims,
        sections=[
            _spectra(config, found, counts),
            outliers_top.section(config, last, found.parameters),
            outliers_density.section(found.densities, config.images),
        ],
    )


def _summary(config, counts, claims):
    told = functools.partial(report.by_verdict, claims)
    held = report.group_by_verdict(
        claims,
        {f"count.{classes}": str(classes) for classes in config.classes},
        "most networks with {} classes",
        "a minority of networks with {} classes",
        "an undecided share of networks with {} classes",
    )
    means = [
        f"{row.mean():.1f} with {classes} classes" for classes, row in counts.items()
    ]
    half = "less than half, {percent},", "more than half, {percent},", "{percent}"
    nearly = "nearly all, {percent},", "only {percent}", "{percent}"
    return (
        "As many eigenvalues of the Hessian as classes, or one fewer, stand out in "
        f"{held}."
        f"\n\nOn average {report.listing(means)} stand out."
        "\n\nOf the squared length of the gradient, the space of as many top "
        f"eigenvectors as classes holds {told('gradient.start', *half)} before "
        f"training and {told('gradient.late', *nearly)} at its end."
    )


def _count_claims(config, counts, last):
    """Decide how many eigenvalues stand out."""
    say = report.Claims(source=SAGUN, figure="eigenvalues")
    networks, most = "share of networks", config.classes[-1]
    ratios = last.values[:, -1, :-1] / np.maximum(last.values[:, -1, 1:], 1e-30)
    return [
        *(
            say.share(
                f"count.{classes}",
                f"Of networks that learn {classes} classes {classes - 1} or {classes} "
                "eigenvalues stand out.",
                networks,
                _as_many(row, classes),
                above=MOST,
            )
            for classes, row in counts.items()
        ),
        say.ratio(
            "count.gap",
            f"With {most} classes, the gap after the first {most - 1} eigenvalues is "
            "wider than any gap after it.",
            "ratio of neighbours there / largest ratio of neighbours below",
            (ratios[:, most - 2], ratios[:, most - 1 :].max(axis=1)),
            above=1,
        ),
        say.share(
            "count.start",
            "Training makes the outliers: before it there are not as many.",
            networks,
            _as_many(last.outliers[:, 0], most),
            below=MOST,
        ),
    ]


def _as_many(counts, classes):
    return (counts == classes - 1) | (counts == classes)


def _spectra(config, found, counts):
    """Show the largest eigenvalues by their rank."""
    ends = {classes: of.values[:, -1] for classes, of in found.looks.items()}
    return report.Section(
        "Outliers",
        f"Among the 2C + {outliers_top.MORE} largest eigenvalues, for C classes, those "
        "stand out that come before the last gap which is, by its logarithm, at least "
        "half as wide as the widest. The softmax is blind to a shift of all logits, so "
        "the loss of an example curves in C − 1 directions of its logits.",
        report.Curves(
            "eigenvalues",
            {
                f"{classes} classes": (
                    np.arange(1, row.shape[1] + 1) - (int(classes) - 1),
                    row / row[:, :1],
                )
                for classes, row in ends.items()
            },
            ("rank of the eigenvalue − (classes − 1)", "eigenvalue / top eigenvalue"),
            log="y",
            marks={"the last of classes − 1": 0.0},
            caption="The largest eigenvalues of the Hessian at the end of training. "
            "Those left of the drop stand out.",
        ),
        report.Table(
            (
                "classes",
                "outliers",
                "top eigenvalue",
                "ratio at C − 1",
                "training loss",
                "share of the gradient",
            ),
            [
                (
                    str(classes),
                    row,
                    ends[str(classes)][:, 0],
                    ends[str(classes)][:, classes - 2]
                    / ends[str(classes)][:, classes - 1],
                    found.looks[str(classes)].loss[:, -1],
                    found.looks[str(classes)].share[:, -1],
                )
                for classes, row in counts.items()
            ],
            "After the last update. The share is that of the gradient's squared length "
            "in the space of the first C eigenvectors: where the training loss has all "
            "but gone, little of what is left is there.",
        ),
    )
