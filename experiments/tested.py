"""What networks make of each test example, which is a sample as the seeds are."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from lec7 import data, ensembles, losses, train

CHUNK = 512  # examples at once


class Tested(NamedTuple):
    """Of M networks and N examples."""

    right: np.ndarray
    """Whether the class is right, packed bits [M, ceil(N / 8)]."""
    losses: np.ndarray
    """Cross-entropy, nats [M, N]."""

    def accuracy(self) -> np.ndarray:
        """Return 100 where the class is right, otherwise 0, [M, N]."""
        bits = np.unpackbits(self.right, axis=1, count=self.losses.shape[1])
        return 100.0 * bits

    def part(self, members: slice) -> "Tested":
        """Return what some of the networks make of the examples."""
        return Tested(self.right[members], self.losses[members])


def test(model: nn.Module, networks: Sequence[Any], split: data.Split) -> Tested:
    """Return what each network, given by its variables, makes of each example."""
    each = jax.jit(train.example_metrics(model, losses.cross_entropy))
    chunks = data.chunks(split, CHUNK)
    found = jax.device_get([[each(of, *chunk) for chunk in chunks] for of in networks])

    def table(metric):
        return np.stack([np.concatenate([x[metric] for x in row]) for row in found])

    return Tested(np.packbits(table("accuracy") > 0, axis=1), table("loss"))


def right(model: nn.Module, variables: Any, split: data.Split) -> np.ndarray:
    """Return whether each of M networks tells the class of each example, bool [M, N].

    The variables are those of the networks together, leaves [M, ...].
    """
    rows = [
        ensembles.member_logits(model, variables, images)
        for images, _ in data.chunks(split, CHUNK)
    ]
    return np.concatenate(rows, axis=1).argmax(axis=-1) == split.labels


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return what decides the difference of two means over different examples.

    Each of K examples of a [M, K] and L of b [M, L] adds its own deviation to the
    difference of the two means of a seed, so that both are samples: [M, K + L].
    """
    total = a.shape[1] + b.shape[1]
    means = [of.mean(axis=1, keepdims=True) for of in (a, b)]
    parts = [
        sign * total / of.shape[1] * (of - mean)
        for sign, of, mean in zip((1, -1), (a, b), means, strict=True)
    ]
    return means[0] - means[1] + np.concatenate(parts, axis=1)
