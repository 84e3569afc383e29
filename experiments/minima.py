"""Minima of small and of large batches, and what is measured at each of them."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import optax
from flax import linen as nn

from experiments import descents, training
from lec7 import (
    curvature,
    data,
    landscape,
    losses,
    report,
    runs,
    sharpness,
    train,
    update_rules,
)

RULES = {name.lower(): make_rule for name, make_rule in descents.RULES.items()}
Rule = Literal[tuple(RULES)]
SMALL_BATCH, LARGE_BATCH = GROUPS = ("small batch", "large batch")

Variables = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(runs.Checked):
    """How minima of both batch sizes are found."""

    dataset: str = "digits"  # name of a data set, of lec7 or of TFDS, or a path
    seeds: runs.Seeds = tuple(range(10))  # networks of a population, at least 2
    model: training.Model = "mlp"  # network
    batch_norm: bool = False  # whether layers are normalised; those of a ResNet are
    rule: Rule = "sgd"  # update rule
    learning_rate: runs.Positive = 0.2  # step size, of both batch sizes
    small_batch: runs.Count = 16  # examples an update
    large_batch: runs.Count = 512  # examples an update
    stop_loss: runs.Positive = 0.003  # training loss at which a network is done, nats
    max_steps: runs.Count = 4_000  # updates at the most
    evaluate_every: runs.Count = 32  # updates between two looks at the training loss
    # examples of a split, or of each half of it, that minima are measured on
    measured_examples: runs.Count = 4_096

    def _check(self):
        if self.large_batch <= self.small_batch:
            raise ValueError(
                f"large_batch is {self.large_batch}; expected more than small_batch, "
                f"which is {self.small_batch}"
            )


class Card(NamedTuple):
    """The measures of M networks, by their names."""

    values: Mapping[str, np.ndarray]
    """[M]."""
    errors: Mapping[str, np.ndarray]
    """Standard errors [M]."""
    costs: Mapping[str, float]
    """Gradients, the mean over networks."""
    invariant: Mapping[str, bool]
    """Whether a rescaling of layers leaves the measure as it is."""

    def part(self, members: slice) -> "Card":
        """Return the card of some of the networks."""
        values, errors = (
            {name: row[members] for name, row in of.items()}
            for of in (self.values, self.errors)
        )
        return self._replace(values=values, errors=errors)


def normalised(config: Settings) -> bool:
    """Return whether the network of a configuration has BatchNorm; a ResNet always."""
    return config.batch_norm or config.model.startswith("resnet")


def _network(config):
    """Return what makes the network of a configuration."""
    return training.named(config.model, batch_norm=config.batch_norm)


def train_both(
    config: Settings,
    study: training.Study,
    *,
    decayed: int = 0,
    weight_decay: float = 0.0,
    suffix: str = "",
) -> dict[str, train.Population]:
    """Train with small and with large batches, to one training loss.

    So many of the first seeds are trained with weight decay too; they come last.
    """
    seeds = (*config.seeds, *config.seeds[:decayed])
    rates = np.zeros(len(seeds))
    rates[len(config.seeds) :] = weight_decay
    make_rule = RULES[config.rule]

    def rule(weight_decay: float) -> optax.GradientTransformation:
        decay = update_rules.l2_in_loss(weight_decay)
        return optax.chain(decay, make_rule(config.learning_rate))

    return {
        group: study.population(
            _network(config),
            optax.inject_hyperparams(rule)(weight_decay=0.0),
            name=group + suffix,
            seeds=seeds,
            hyperparams={"weight_decay": rates},
            batch_size=getattr(config, group.replace(" ", "_")),
            updates=config.max_steps,
            evaluate_every=config.evaluate_every,
            stop_loss=config.stop_loss,
        )
        for group in GROUPS
    }


@dataclasses.dataclass(frozen=True)
class Probe:
    """A network, its loss and examples: what all looks at a minimum need."""

    model: nn.Module
    batches: Mapping[str, Sequence[data.Split]]  # split -> chunks of it
    seeds: Sequence[int]
    progress: Any

    @functools.cached_property
    def metrics(self) -> Callable[[Variables, data.Split], Mapping[str, jax.Array]]:
        """Variables, batch -> `loss` and `accuracy`."""
        return train.batch_metrics(self.model, losses.cross_entropy)

    @functools.cached_property
    def _loss(self) -> Callable[[Any, Any, data.Split], jax.Array]:
        def loss(batch_stats, params, batch):
            variables = {"params": params, "batch_stats": batch_stats}
            return self.metrics(variables, batch)["loss"]

        return loss

    def at(self, variables: Variables, split: str = "train") -> tuple[Any, Any, Any]:
        """Return loss, parameters and examples, as curvature takes them."""
        loss = jax.tree_util.Partial(self._loss, variables["batch_stats"])
        return loss, variables["params"], self.batches[split]

    def refit(self, variables: Variables) -> Variables:
        """Return the variables with the BatchNorm statistics of the training set."""
        return train.refit_batch_stats(self.model, variables, self.batches["train"])

    def each(
        self,
        name: str,
        networks: Sequence[Any],
        measure: Callable[[int, Any], Any],
    ) -> list[Any]:
        """Return what `measure` makes of every seed and network, showing progress."""
        found = []
        with self.progress.task(name, len(networks), unit="network") as task:
            for seed, network in zip(self.seeds, networks, strict=False):
                found.append(measure(seed, network))
                task.update(len(found))
        return found

    def card(
        self,
        networks: Sequence[Variables],
        name: str,
        measures: Mapping[str, Callable],
        *,
        split: str = "train",
    ) -> Card:
        """Take the report card of M networks, of the first M seeds."""

        def take(seed, variables):
            key = jax.random.key(seed)
            return sharpness.report_card(
                *self.at(variables, split), key=key, measures=measures
            )

        rows = list(zip(*self.each(name, networks, take), strict=True))

        def column(field):
            return {
                row[0].name: np.array([getattr(cell, field) for cell in row])
                for row in rows
            }

        return Card(
            values=column("value"),
            errors=column("standard_error"),
            costs={name: float(np.mean(of)) for name, of in column("cost").items()},
            invariant={name: bool(of[0]) for name, of in column("invariant").items()},
        )

    def slices(
        self,
        networks: Sequence[Variables],
        steps: np.ndarray,
        *,
        split: str = "train",
        norm: str = "filter",
    ) -> np.ndarray:
        """Return the loss [M, A] along one random direction through each minimum.

        A seed has one Gaussian draw, whatever the network.
        """

        def slice_through(seed, variables):
            loss, params, batches = self.at(variables, split)
            direction = landscape.random_direction(
                jax.random.key(seed), params, norm=norm
            )
            return landscape.slice_1d(loss, params, direction, batches, alphas=steps)

        pairs = zip(self.seeds, networks, strict=False)
        return np.stack([slice_through(*pair) for pair in pairs])


def probe(
    config: Settings,
    context: runs.Context,
    study: training.Study,
    splits: Mapping[str, data.Split] | None = None,
) -> Probe:
    """Return the probe of a configuration's network, on some of its examples.

    They are the first ones to train and to test with unless splits are given. Surfaces
    of an earlier attempt that are damaged are noticed here, before hours of measuring.
    """
    landscape.require_whole(context.folder / "surfaces")
    if splits is None:
        first = slice(config.measured_examples)
        splits = {
            name: data.Split(*(leaf[first] for leaf in getattr(study.dataset, name)))
            for name in ("train", "test")
        }
    size = training.chunk(config.model)
    batches = {name: data.chunks(split, size) for name, split in splits.items()}
    model = study.network(_network(config))
    return Probe(model, batches, config.seeds, context.progress)


def members(population: train.Population) -> list[Variables]:
    """Return the networks of a population one by one."""
    return [population.member(index) for index in range(len(population.updates))]


def lengths(population: train.Population) -> np.ndarray:
    """Return the length of the parameters of each network [M]."""
    return np.array(
        [float(optax.tree.norm(each["params"])) for each in members(population)]
    )


def mean_losses(at: Probe, networks: Sequence[Variables]) -> np.ndarray:
    """Return the training loss of each network [M]."""
    return np.array([float(curvature.mean_loss(*at.at(each))) for each in networks])


def missed(config: Settings, records: Sequence[train.Record]) -> str | None:
    """Say how many networks did not reach the loss at which they are compared."""
    count = sum(
        int(np.sum(~(r.final["train_loss"] <= config.stop_loss))) for r in records
    )
    if not count:
        return None
    return (
        f"{count} network{'s' * (count > 1)} did not reach a training loss of "
        f"{config.stop_loss:g} nats in {config.max_steps:,} updates; raise max_steps "
        "or stop_loss"
    )


def reached(config: Settings, why: str | None) -> str:
    """Return whether the networks are compared at one loss, from what `missed` says."""
    if why:
        return f"{why}."
    return f"All networks reached a training loss of {config.stop_loss:g} nats."


def training_section(
    records: Mapping[str, train.Record], stop_loss: float
) -> report.Section:
    """Show how the training loss fell, and how long it took."""
    return report.Section(
        "Training",
        report.Table(
            ("population", "updates", "final training loss (nats)", "done", "networks"),
            [
                (
                    name,
                    r.updates,
                    r.final["train_loss"],
                    int(np.sum(r.final["train_loss"] <= stop_loss)),
                    len(r.updates),
                )
                for name, r in records.items()
            ],
        ),
        report.Curves(
            "training",
            {name: r.curve for name, r in records.items()},
            ("updates", "training loss (nats)"),
            log="xy",
            caption="Loss on the whole training set, in test mode, of the networks "
            "that still train. A network is done at the first evaluation of at most "
            f"{stop_loss:g} nats.",
        ),
    )


def generalisation_section(
    records: Mapping[str, train.Record], test_examples: int
) -> report.Section:
    """Show error and loss on the test set, and the gaps to the training set."""
    final = [record.final for record in records.values()]
    measures = {
        "test error (%)": [100 * (1 - f["test_accuracy"]) for f in final],
        "test loss (nats)": [f["test_loss"] for f in final],
        "accuracy gap, train − test (points)": [
            100 * (f["train_accuracy"] - f["test_accuracy"]) for f in final
        ],
        "loss gap, test − train (nats)": [
            f["test_loss"] - f["train_loss"] for f in final
        ],
    }
    return report.Section(
        "Generalisation",
        f"The test set has {test_examples:,} examples, so one of them is "
        f"{100 / test_examples:.2g} points of accuracy. Intervals are over seeds, "
        "which decide the initial parameters and the order of the batches; the test "
        "set is the same for all.",
        report.Table(
            ("measure", *records),
            [(title, *rows) for title, rows in measures.items()],
        ),
        report.Paired(
            "generalisation",
            measures,
            tuple(records),
            caption="Errors, losses and gaps of the trained networks.",
        ),
    )


def comparison(
    name: str,
    measures: Mapping[str, Sequence[np.ndarray]],
    groups: Sequence[str],
    heading: str,
    text: str,
    *,
    caption: str,
) -> report.Section:
    """Show measures of several populations seed by seed, as a table and a figure."""
    return report.Section(
        heading,
        text,
        report.Table(
            ("measure", *groups), [(title, *rows) for title, rows in measures.items()]
        ),
        report.Paired(name, measures, groups, caption=caption, log=True),
    )


def slices_figure(
    name: str, curves: Mapping[str, tuple[np.ndarray, np.ndarray]], caption: str
) -> report.Curves:
    """Show the loss along directions: label -> steps [A], losses [M, A]."""
    labels = ("distance along the direction", "training loss (nats)")
    return report.Curves(name, curves, labels, log="y", caption=caption)
