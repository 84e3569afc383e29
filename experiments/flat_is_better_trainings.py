"""Trainings of `flat_is_better`: with each regulariser, and without, up to a loss."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import minima
from lec7 import train, update_rules
from lec7.data import augment

if TYPE_CHECKING:
    from experiments.flat_is_better import Config

NONE = "none"
REGULARISERS = ("weight decay", "dropout", "SAM", "label smoothing", "shifts")
WATCHED = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


class Group(NamedTuple):
    """M networks, as they are at one time."""

    final: Mapping[str, np.ndarray]
    """The names of `WATCHED` -> [M]."""
    updates: np.ndarray
    """Made by then [M]."""
    card: minima.Card


class Recipe(NamedTuple):
    """How one population is trained."""

    rule: optax.GradientTransformation
    fields: Mapping[str, Any] = {}
    """Of the network."""
    transform: augment.Augment | None = None


def recipes(config: "Config", classes: int) -> dict[str, Recipe]:
    """Return how a network is trained without a regulariser, and with each."""
    sgd = update_rules.sgd(config.learning_rate)
    decay = update_rules.l2_in_loss(config.weight_decay)
    every = {
        "weight decay": Recipe(optax.chain(decay, sgd)),
        "dropout": Recipe(sgd, {"dropout": config.dropout}),
        "SAM": Recipe(update_rules.sharpness_aware(sgd, rho=config.rho)),
        "label smoothing": Recipe(sgd, transform=smoothed(config.smoothing, classes)),
        "shifts": Recipe(sgd, transform=augment.compose(shifted(config.shift))),
    }
    return {NONE: Recipe(sgd)} | {name: every[name] for name in config.regularisers}


def smoothed(share: float, classes: int) -> augment.Augment:
    """Return what gives a share of every label to all classes alike."""

    def smooth(keys, inputs, labels):
        del keys
        return inputs, optax.smooth_labels(jax.nn.one_hot(labels, classes), share)

    return smooth


def shifted(most: int) -> augment.Transform:
    """Return what shifts an input [..., C] along its sides; what leaves comes back."""

    def shift(key, x):
        sides = x.ndim - 1
        by = jax.random.randint(key, (sides,), -most, most + 1)
        return jnp.roll(x, by, range(sides))

    return shift


def at_loss(
    trained: train.Population, wanted: np.ndarray
) -> tuple[list[minima.Variables], np.ndarray, dict[str, np.ndarray]]:
    """Return each network as it was when its training loss was nearest another.

    Args:
      trained: M networks with snapshots.
      wanted: a training loss for each [M].

    Returns:
      The networks; the updates that they had made [M]; and what was measured then,
      name -> [M]. Nearest is meant in the logarithm.
    """
    steps = list(trained.snapshots)
    distance = np.abs(np.log(trained.history["train_loss"] / wanted))
    nearest = np.argmin(distance, axis=0)
    members = np.arange(len(nearest))
    networks = [
        jax.tree.map(lambda leaf, at=member: leaf[at], trained.snapshots[steps[time]])
        for member, time in enumerate(nearest)
    ]
    final = {name: trained.history[name][nearest, members] for name in WATCHED}
    return networks, np.array(steps)[nearest], final
