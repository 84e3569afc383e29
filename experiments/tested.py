"""What networks make of each test example, which is a sample as the seeds are."""

from typing import NamedTuple

import jax
import numpy as np
from flax import linen as nn

from lec7 import data, losses, train

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


def test(model: nn.Module, population: train.Population, split: data.Split) -> Tested:
    """Return what each network of a population makes of each example of a split."""
    each = jax.jit(train.example_metrics(model, losses.cross_entropy))
    members = [population.member(i) for i in range(len(population.updates))]
    chunks = data.chunks(split, CHUNK)
    found = jax.device_get([[each(one, *chunk) for chunk in chunks] for one in members])

    def table(metric):
        return np.stack([np.concatenate([x[metric] for x in row]) for row in found])

    return Tested(np.packbits(table("accuracy") > 0, axis=1), table("loss"))
