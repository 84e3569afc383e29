"""Accuracy and loss of networks, and of what they say together."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import losses
from lec7.ensembles import averages
from lec7.train import evaluate as evaluation


class Scores(NamedTuple):
    """Of several networks or ensembles, on the same examples."""

    accuracy: np.ndarray
    """[...], percent."""
    loss: np.ndarray
    """Cross-entropy [...], nats."""

    def mean(self, axis: int = -1) -> "Scores":
        """Return the means over an axis."""
        return Scores(*(np.mean(values, axis=axis) for values in self))

    def of_size(self, size: int) -> "Scores":
        """Return the scores [G] of ensembles of one size, out of [G, M]."""
        return Scores(*(values[:, size - 1] for values in self))

    def less(self, other: "Scores") -> "Scores":
        """Return the differences of accuracy and of loss."""
        return Scores(self.accuracy - other.accuracy, self.loss - other.loss)


def stack(several: Sequence[Scores]) -> Scores:
    """Return scores with a new leading axis."""
    return Scores(*(np.stack(values) for values in zip(*several, strict=True)))


def score(
    logits: jax.Array, labels: jax.typing.ArrayLike, *, each: bool = False
) -> Scores:
    """Return the scores [...] of logits [..., N, K] against labels [N].

    With `each` they are those of each example [..., N], here and below.

    Raises:
      ValueError: labels are not a class for each example.

    Example:
      >>> logits = jnp.log(jnp.array([[0.8, 0.2], [0.7, 0.3]]))
      >>> score(logits, jnp.array([0, 1])).accuracy.item()
      50.0
    """
    _require_classes(labels, logits)
    flat = jnp.reshape(logits, (-1, *logits.shape[-2:]))
    return _scores(_score_each(flat, labels, each), logits.shape[:-2])


def of_probabilities(
    probabilities: np.ndarray, labels: jax.typing.ArrayLike, *, each: bool = False
) -> Scores:
    """Return the scores [...] of probabilities [..., N, K] against labels [N].

    A class that is given no probability at all costs a large and finite loss.

    Raises:
      ValueError: labels are not a class for each example.
    """
    _require_classes(labels, probabilities)
    dtype = np.promote_types(probabilities.dtype, np.float32)
    probabilities = np.asarray(probabilities, dtype)
    right = probabilities[..., np.arange(len(labels)), labels]
    loss = -np.log(np.maximum(right, np.finfo(right.dtype).tiny))
    hits = probabilities.argmax(axis=-1) == labels
    if each:
        return Scores(100 * hits.astype(np.float32), loss.astype(np.float32))
    loss = loss.mean(axis=-1)
    return Scores(100 * hits.mean(axis=-1), np.asarray(loss, np.float64))


def by_number(
    logits: jax.Array, labels: jax.typing.ArrayLike, *, each: bool = False
) -> Scores:
    """Return the scores of ensembles of 1, 2, ..., M of M members.

    Args:
      logits: of the members [M, N, K].
      labels: [N].
      each: whether of each example, [M, N].

    Returns:
      The mean over M ensembles of each size, in which every member counts the same:
      neighbours in a ring, [M].
    """
    count = len(logits)
    first = np.arange(count)[None, :, None]
    size = np.arange(1, count + 1)[:, None, None]
    inside = (np.arange(count)[None, None] - first) % count < size
    weights = (inside / size).reshape(-1, count)
    several = _mixtures(logits, weights, labels, each)
    rings = (values.reshape(count, count, *values.shape[1:]) for values in several)
    return Scores(*rings).mean(axis=1)


def by_last(
    logits: jax.Array, labels: jax.typing.ArrayLike, *, each: bool = False
) -> Scores:
    """Return the scores [S] of ensembles of the last 1, 2, ..., S of S snapshots.

    Args:
      logits: of the snapshots [S, N, K], in order.
      labels: [N].
      each: whether of each example, [S, N].

    Returns:
      The scores.
    """
    count = len(logits)
    last = np.arange(1, count + 1)[:, None]
    inside = np.arange(count)[None] >= count - last
    return _mixtures(logits, inside / last, labels, each)


def _mixtures(logits, weights, labels, each):
    """Return the scores [E] of mixtures [E, M] of the same members [M, N, K]."""
    _require_classes(labels, logits)
    return _scores(_score_mixtures(logits, weights, labels, each), (len(weights),))


def _require_classes(labels: jax.typing.ArrayLike, outputs: jax.Array) -> None:
    """Check labels that would be broadcast, or read from the last class.

    Raises:
      ValueError: they are not a class for each example.
    """
    labels, (examples, classes) = np.asarray(labels), outputs.shape[-2:]
    if labels.shape != (examples,):
        raise ValueError(f"labels have shape {labels.shape}; expected ({examples},)")
    evaluation.check_labels(labels, classes, "the")


def _scores(pair: tuple[jax.Array, jax.Array], shape: tuple[int, ...]) -> Scores:
    accuracy, loss = (
        np.asarray(part, np.float64 if part.ndim == 1 else np.float32).reshape(
            (*shape, *part.shape[1:])
        )
        for part in pair
    )
    return Scores(100 * accuracy, loss)


def _score(logits, labels, each):
    right = jnp.argmax(logits, axis=-1) == labels
    loss = losses.cross_entropy(logits, labels)
    return (right, loss) if each else (jnp.mean(right), jnp.mean(loss))


@functools.partial(jax.jit, static_argnums=2)
def _score_each(logits, labels, each):
    return jax.lax.map(lambda one: _score(one, labels, each), logits)


@functools.partial(jax.jit, static_argnums=3)
def _score_mixtures(logits, weights, labels, each):
    def one(row):
        return _score(averages.average_probabilities(logits, row), labels, each)

    return jax.lax.map(one, weights)
