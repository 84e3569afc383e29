"""The ways to train a network on a target, and what each comes to on it."""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
import optax

from experiments import domains, pretraining, tested, training
from lec7 import data, losses, models, runs, schedules, train, transfer, update_rules

SCRATCH, HEAD, BLOCK, ALL = METHODS = (
    "from scratch",
    "head only",
    "last block",
    "everything",
)
TRANSFERRED = (HEAD, BLOCK, ALL)
SIZES = LITTLE, MUCH = ("little", "much")


class Plan(NamedTuple):
    """How a method is trained on the target."""

    seeds: Sequence[int]
    rates: Sequence[float]
    """Learning rates at the beginning, of which the best is kept; R of them."""
    batch_size: int
    updates: int
    evaluate_every: int
    examples: int
    """Of each class, when there is little data."""
    last_block: str
    """Pattern of what trains in `last block`."""

    @property
    def members(self) -> list[tuple[str, float, int]]:
        """Amount of data, rate and seed of each network that a method trains."""
        return [
            (size, rate, seed)
            for size in SIZES
            for rate in self.rates
            for seed in self.seeds
        ]


class Outcome(NamedTuple):
    """A method on a target and an amount of data, at the best of the rates, M seeds."""

    rate: float
    """That with the highest mean accuracy on the validation split."""
    train: np.ndarray
    """Accuracy on the examples trained on, [M]."""
    validation: np.ndarray
    """Accuracy [M]."""
    right: np.ndarray
    """Whether the class of a test example is right, bool [M, N]."""
    trainable: int
    """Parameters that were trained."""


class Cells(NamedTuple):
    """All that was trained on one target."""

    name: str
    """Of the target."""
    place: str
    """`near` or `far`, as the target is to the source."""
    outcomes: Mapping[str, Mapping[str, Outcome]]
    """Amount of data -> method -> outcome."""
    examples: Mapping[str, int]
    """Amount of data -> number of examples."""
    rates: Sequence[float]
    """Learning rates of which each method has its best."""

    def right(self, size: str, method: str) -> np.ndarray:
        """Return 100 where a test example is right, otherwise 0, [M, N]."""
        return 100.0 * self.outcomes[size][method].right

    def gaps(self, size: str, method: str) -> np.ndarray:
        """Return the training accuracy in percent less that, [M, N]."""
        train = 100 * self.outcomes[size][method].train
        return train[:, None] - self.right(size, method)

    def test(self, size: str, method: str) -> np.ndarray:
        """Return the test accuracy in percent, [M]."""
        return self.right(size, method).mean(axis=1)

    def gap(self, size: str, method: str) -> np.ndarray:
        """Return by how many points the accuracy is higher in training, [M]."""
        return self.gaps(size, method).mean(axis=1)

    def at_border(self, size: str, *methods: str) -> str | None:
        """Say which method's best rate is at an end of the list; None if none is."""
        for method in methods:
            why = training.end_of(self.rates, self.outcomes[size][method].rate)
            if why:
                return f"{method} with {size} data of {self.name}: {why}"
        return None

    def best(self, size: str, among: Sequence[str] = METHODS) -> str:
        """Return the method with the highest mean accuracy on the validation split."""
        cell = self.outcomes[size]
        return max(among, key=lambda method: cell[method].validation.mean())


def frozen(method: str, plan: Plan) -> str | None:
    """Return the pattern of what a method keeps as it is, None for nothing."""
    trained = {HEAD: transfer.HEAD, BLOCK: plan.last_block}
    return transfer.all_but(trained[method]) if method in trained else None


def make_rule(
    method: str, plan: Plan, learning_rate: jax.typing.ArrayLike
) -> optax.GradientTransformation:
    """Return the rule of a method: momentum along a cosine, by path and in part.

    The learning rate is that of the head, and of everything from scratch.
    """
    rule = update_rules.momentum(
        schedules.cosine_decay(learning_rate, steps=plan.updates)
    )
    if method != SCRATCH:
        rule = transfer.rates_by_path(rule)
    pattern = frozen(method, plan)
    return rule if pattern is None else transfer.freeze(rule, pattern)


def compare(
    place: str,
    target: str,
    network: transfer.Network,
    plan: Plan,
    context: runs.Context,
) -> Cells:
    """Train by every method on little and on much data of a target.

    Member i of the network is transferred to the i-th of the seeds, in turn.
    """
    card = network.card
    dataset = data.fit_images(domains.load(target), card.image_shape)
    dataset = data.standardise(dataset, (card.mean, card.std))
    labels, classes = dataset.train.labels, dataset.num_classes
    drawn = {seed: draw(labels, classes, plan.examples, seed) for seed in plan.seeds}
    subsets = [
        drawn[seed] if size == LITTLE else np.arange(len(labels))
        for size, _, seed in plan.members
    ]
    try:
        transfer.matches(network.variables["params"], plan.last_block)
    except ValueError as error:
        raise runs.UsageError(
            f"--config.last_block={plan.last_block}: {error}"
        ) from error
    trained = {
        method: _train(place, method, dataset, subsets, network, plan, context)
        for method in METHODS
    }
    return Cells(
        name=target.partition("/")[0],
        place=place,
        outcomes={size: {of: trained[of][size] for of in METHODS} for size in SIZES},
        examples={LITTLE: plan.examples * classes, MUCH: len(labels)},
        rates=tuple(plan.rates),
    )


def draw(labels: np.ndarray, classes: int, count: int, seed: int) -> np.ndarray:
    """Return the indices [K count] of as many examples of each class."""
    rarest = int(np.bincount(labels, minlength=classes).min())
    if rarest < count:
        raise runs.UsageError(
            f"--config.examples={count}: expected at most {rarest}, which is what the "
            "rarest class of the target has"
        )
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [
            rng.choice(np.flatnonzero(labels == label), count, replace=False)
            for label in range(classes)
        ]
    )


def _train(place, method, dataset, subsets, network, plan, context):
    """Train by one method, both amounts of data and all rates as one population."""
    model = pretraining.make_model(network.card, dataset.num_classes)
    pattern, name = frozen(method, plan), f"{place} {method}"
    make = functools.partial(make_rule, method, plan)
    shape = dataset.train.images.shape[1:]
    with context.progress.task(f"training, {name}", plan.updates) as task:
        population = train.train(
            model if pattern is None else transfer.Frozen(model, pattern),
            optax.inject_hyperparams(make)(learning_rate=plan.rates[0]),
            {
                "train": _feed(dataset.train, subsets, plan),
                "all": dataset.train,
                "validation": dataset.validation,
            },
            initialise=lambda key: models.initialise(model, key, shape),
            seeds=[seed for _, _, seed in plan.members],
            hyperparams={"learning_rate": [rate for _, rate, _ in plan.members]},
            start=None if method == SCRATCH else _transferred(network, plan),
            batch_size=plan.batch_size,
            steps=plan.updates,
            evaluate_every=plan.evaluate_every,
            watch=("all", "validation"),
            devices=context.devices,
            folder=context.folder,
            name=name.replace(" ", "_"),
            progress=task.update,
        )
    found = {
        "train": population.final["all_accuracy"].copy(),
        "validation": population.final["validation_accuracy"],
        "right": tested.right(model, population.variables, dataset.test),
    }
    little = [i for i, member in enumerate(plan.members) if member[0] == LITTLE]
    found["train"][little] = _own_accuracy(
        model, dataset.train, population, subsets, little
    )
    params = population.member(0)["params"]
    total = transfer.count_parameters(params)
    fixed = 0 if pattern is None else transfer.count_parameters(params, pattern)
    context.progress.say(f"{name}: {total - fixed:,} of {total:,} parameters trained")
    return _outcomes(found, plan, total - fixed)


def _transferred(network, plan):
    """Return what gives every member the weights of its seed, but for the head."""
    of_member = np.array(
        [
            plan.seeds.index(seed) % len(network.card.seeds)
            for _, _, seed in plan.members
        ]
    )

    def start(state):
        tiled = jax.tree.map(lambda leaf: leaf[of_member], network.variables)
        return state.replace(**transfer.replace_head(tiled, state.variables))

    return start


def _feed(split, subsets, plan):
    """Feed every member from examples of its own."""

    def member(index, step, count):
        subset = subsets[index]
        return subset[
            data.batch_indices(
                plan.members[index][2],
                step,
                count,
                batch_size=plan.batch_size,
                num_examples=len(subset),
            )
        ]

    return train.Feed(
        data=tuple(split),
        slots=lambda step, count: np.stack(
            [member(i, step, count) for i in range(len(subsets))], axis=1
        ),
        fetch=lambda arrays, slot: jax.tree.map(lambda leaf: leaf[slot], arrays),
    )


def _own_accuracy(model, split, population, subsets, members):
    """Return the accuracy of members on equally many examples of their own."""
    metrics = jax.jit(jax.vmap(train.batch_metrics(model, losses.cross_entropy)))
    variables = jax.tree.map(lambda leaf: leaf[np.array(members)], population.variables)
    index = np.stack([subsets[member] for member in members])
    examples = (split.images[index], split.labels[index])
    return np.asarray(metrics(variables, examples)["accuracy"])


def _outcomes(several, plan, trainable):
    """Return the outcome at the best rate for each amount of data."""
    shape = (len(SIZES), len(plan.rates), len(plan.seeds))
    several = {
        name: values.reshape(*shape, *values.shape[1:])
        for name, values in several.items()
    }
    found = {}
    for i, size in enumerate(SIZES):
        validation = several["validation"][i].mean(axis=-1)
        best = int(np.nan_to_num(validation, nan=-1.0).argmax())  # NaN has diverged
        of_best = {name: values[i, best] for name, values in several.items()}
        found[size] = Outcome(plan.rates[best], **of_best, trainable=trainable)
    return found
