"""Networks that others are made of: trained here, or taken from the zoo."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from flax import linen as nn

from experiments import domains, training
from lec7 import data, models, runs, schedules, train, transfer, update_rules

ARCHITECTURES = {"ConvNet": models.ConvNet, "MLP": models.MLP}
ZOO = "zoo:"
"""What a network of the zoo begins with where a data set could stand as well."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(runs.Checked):
    """A ConvNet with BatchNorm and how it is trained: momentum along a cosine."""

    channels: tuple[int, ...] = (8, 16, 32)  # of each convolutional stage
    dense: tuple[int, ...] = (64,)  # units of each hidden layer behind them
    batch_size: runs.Count = 64  # examples an update
    learning_rate: runs.Positive = 0.05  # at the beginning
    updates: runs.Count = 600  # of the training
    evaluate_every: runs.Count = 100  # updates between two looks at the training loss

    @property
    def fields(self) -> dict[str, Any]:
        """Of the network, its number of classes and its mapped axis aside."""
        return {"channels": list(self.channels), "dense": list(self.dense)}


def make_model(card: transfer.Card, num_classes: int) -> nn.Module:
    """Return the network that a card describes, for another number of classes."""
    fields = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in card.fields.items()
    }
    make = ARCHITECTURES[card.architecture]
    return make(num_classes=num_classes, axis_name=train.DEVICE_AXIS, **fields)


def source(
    name: str, recipe: Recipe, seeds: Sequence[int], context: runs.Context
) -> transfer.Network:
    """Return trained networks: of the zoo, behind `zoo:`, or trained on a data set.

    Raises:
      CheckpointError: the zoo has no such network, or it is damaged.
      UsageError: the zoo's network has an architecture that is not known here.
    """
    if not name.startswith(ZOO):
        return train_networks(domains.load(name), recipe, seeds, context)
    network = transfer.load_network(name.removeprefix(ZOO))
    if network.card.architecture not in ARCHITECTURES:
        raise runs.UsageError(
            f"{name} is a {network.card.architecture}; expected one of "
            f"{', '.join(ARCHITECTURES)}"
        )
    return network


def train_networks(
    dataset: data.Dataset, recipe: Recipe, seeds: Sequence[int], context: runs.Context
) -> transfer.Network:
    """Return networks trained on a data set, one a seed, with their card."""
    training.require_divisible(context, {"recipe.batch_size": recipe.batch_size})
    mean, std = data.channel_moments(dataset.train.images)
    shape = dataset.train.images.shape[1:]
    card = transfer.Card(
        dataset=dataset.name,
        num_classes=dataset.num_classes,
        image_shape=list(shape),
        mean=mean.tolist(),
        std=std.tolist(),
        architecture="ConvNet",
        fields=recipe.fields,
        seeds=list(seeds),
        accuracy={},
        config=as_json(recipe),
        commit=runs.summary(_environment(context))["commit"],
    )
    population = fit(
        make_model(card, dataset.num_classes),
        data.standardise(dataset),
        recipe,
        seeds,
        context,
        name="source",
    )
    accuracy = {
        split: population.final[f"{split}_accuracy"].tolist()
        for split in ("train", "validation", "test")
    }
    return transfer.Network(
        dict(population.variables), dataclasses.replace(card, accuracy=accuracy)
    )


def fit(
    model: nn.Module,
    dataset: data.Dataset,
    recipe: Recipe,
    seeds: Sequence[int],
    context: runs.Context,
    *,
    name: str,
) -> train.Population:
    """Return a population trained on a normalised data set by a recipe."""
    shape = dataset.train.images.shape[1:]
    rate = schedules.cosine_decay(recipe.learning_rate, steps=recipe.updates)
    with context.progress.task(f"training, {name}", recipe.updates) as task:
        return train.train(
            model,
            update_rules.momentum(rate),
            dataset,
            initialise=lambda key: models.initialise(model, key, shape),
            seeds=seeds,
            batch_size=recipe.batch_size,
            steps=recipe.updates,
            evaluate_every=recipe.evaluate_every,
            on_divergence="raise",
            devices=context.devices,
            folder=context.folder,
            name=name,
            progress=task.update,
        )


def as_json(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe in JSON's types, as a card holds it."""
    return json.loads(runs.canonical_json(recipe))


def _environment(context: runs.Context) -> dict[str, Any]:
    return runs.environment(context.devices, pathlib.Path(__file__).parent)


def words(value: Any) -> str:
    """Return a value of a card as a reader writes it."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{field.replace('_', ' ')} {words(of)}" for field, of in value.items()
        )
    if isinstance(value, list | tuple):
        return " ".join(map(words, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
