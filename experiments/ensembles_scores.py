"""Accuracy and loss of networks and of what they say together."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import data, ensembles, losses


class Scores(NamedTuple):
    """Of several networks or ensembles, on one split."""

    accuracy: np.ndarray
    """[...], percent."""
    loss: np.ndarray
    """Cross-entropy [...], nats."""

    def mean(self, axis: int = -1) -> "Scores":
        """Return the means over an axis."""
        return Scores(*(np.mean(values, axis=axis) for values in self))

    def kept(self, last: int) -> "Scores":
        """Return the scores [G] of ensembles of the last S snapshots."""
        return Scores(*(values[:, last - 1] for values in self))

    def less(self, other: "Scores") -> "Scores":
        """Return the differences of accuracy and of loss."""
        return Scores(self.accuracy - other.accuracy, self.loss - other.loss)


def stack(several: list[Scores]) -> Scores:
    """Return scores with a new leading axis."""
    return Scores(*(np.stack(values) for values in zip(*several, strict=True)))


def score(logits: jax.Array, split: data.Split) -> Scores:
    """Return the scores of logits [..., N, K] for a split of N examples, [...]."""
    flat = jnp.reshape(logits, (-1, *logits.shape[-2:]))
    return _scores(_score_each(flat, split.labels), logits.shape[:-2])


def mixtures(logits: jax.Array, weights: np.ndarray, split: data.Split) -> Scores:
    """Return the scores of ensembles of the same members.

    Args:
      logits: of the members [M, N, K].
      weights: with which members count in each ensemble [E, M].
      split: the N examples.

    Returns:
      Scores [E].
    """
    return _scores(_score_mixtures(logits, weights, split.labels), (len(weights),))


def by_number(logits: jax.Array, split: data.Split) -> Scores:
    """Return the scores of ensembles of 1, 2, ..., M of M members.

    Args:
      logits: of the members [M, N, K].
      split: the N examples.

    Returns:
      The mean over M ensembles of each size, in which every member counts the same:
      neighbours in a ring, [M].
    """
    count = len(logits)
    first = np.arange(count)[None, :, None]
    size = np.arange(1, count + 1)[:, None, None]
    inside = (np.arange(count)[None, None] - first) % count < size
    each = mixtures(logits, (inside / size).reshape(-1, count), split)
    return Scores(*(values.reshape(count, count) for values in each)).mean()


def by_last(logits: jax.Array, split: data.Split) -> Scores:
    """Return the scores of the last 1, 2, ..., S of S snapshots.

    Args:
      logits: of the snapshots [S, N, K], in order.
      split: the N examples.

    Returns:
      Scores [S].
    """
    count = len(logits)
    last = np.arange(1, count + 1)[:, None]
    inside = np.arange(count)[None] >= count - last
    return mixtures(logits, inside / last, split)


def _scores(pair: tuple[jax.Array, jax.Array], shape: tuple[int, ...]) -> Scores:
    accuracy, loss = (np.asarray(part, np.float64).reshape(shape) for part in pair)
    return Scores(100 * accuracy, loss)


def _score(logits, labels):
    correct = jnp.argmax(logits, axis=-1) == labels
    return jnp.mean(correct), jnp.mean(losses.cross_entropy(logits, labels))


@jax.jit
def _score_each(logits, labels):
    return jax.lax.map(lambda one: _score(one, labels), logits)


@jax.jit
def _score_mixtures(logits, weights, labels):
    def one(row):
        return _score(ensembles.average_probabilities(logits, row), labels)

    return jax.lax.map(one, weights)
