"""How batches reach the compiled program: as indices into arrays, or as a stream.

The program scans over slots. A slot is a function of (seed, step) alone, so the
position in the data is the step number, and a resumed run sees the batches that an
uninterrupted one sees.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import memory
from lec7.data import batches


class Feed(NamedTuple):
    """Batches of a population of M members."""

    data: Any
    """Arrays that stay on the device from dispatch to dispatch."""
    slots: Callable[[int, int], Any]
    """(step, T) -> slots of the next T steps, leaves [T, M or 1, B, ...]."""
    fetch: Callable[[Any, Any], Any]
    """(data, slot) -> (images [M, B, H, W, C], labels [M, B]), inside the program."""


def from_arrays(
    images: np.ndarray, labels: np.ndarray, *, seeds: Sequence[int], batch_size: int
) -> Feed:
    """Feed examples that fit the device; each member draws its own batches.

    Args:
      images: [N, H, W, C].
      labels: [N].
      seeds: one for each member.
      batch_size: B, examples an update.

    Returns:
      A feed whose slots are tables of example indices.

    Raises:
      ValueError: there are not as many labels as images, or none.
    """
    require_together("the data", images, labels)

    def member(seed: int, step: int, count: int) -> np.ndarray:
        return batches.batch_indices(
            seed, step, count, batch_size=batch_size, num_examples=len(labels)
        )

    def slots(step: int, count: int) -> np.ndarray:
        _require_memory(8 * count * batch_size * len(seeds), count, len(seeds))
        return np.stack([member(seed, step, count) for seed in seeds], axis=1)

    return Feed(
        data=(images, labels),
        slots=slots,
        fetch=lambda data, slot: jax.tree.map(lambda leaf: leaf[slot], data),
    )


def require_together(name: str, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Check that inputs and labels go together, since JAX clamps an index.

    Raises:
      ValueError: there are not as many of both, or none.
    """
    if len(inputs) != len(labels) or not len(inputs):
        raise ValueError(
            f"{name} has {len(inputs)} inputs and {len(labels)} labels; expected as "
            "many of both, and at least one"
        )


def from_stream(
    batch_at: Callable[[int], tuple[np.ndarray, np.ndarray]], *, members: int
) -> Feed:
    """Feed records read batch by batch; all members see the same batch.

    Args:
      batch_at: step -> (images [B, H, W, C], labels [B]).
      members: M.

    Returns:
      A feed whose slots are the batches themselves.
    """

    def slots(step: int, count: int) -> tuple[np.ndarray, ...]:
        first = batch_at(step)
        size = sum(np.asarray(leaf).nbytes for leaf in first)
        _require_memory(2 * size * count, count, 1)
        rest = (batch_at(step + i) for i in range(1, count))
        found = zip(*(first, *rest), strict=True)
        return tuple(np.stack(leaves)[:, None] for leaves in found)

    def fetch(data, slot):
        del data
        return jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (members, *leaf.shape[1:])), slot
        )

    return Feed(data=(), slots=slots, fetch=fetch)


def _require_memory(size: int, count: int, members: int) -> None:
    """Refuse a dispatch whose batches, twice, are more than the host can hold.

    Raises:
      TooLargeError: it is.
    """
    memory.require_host(
        size,
        f"the batches of {count:,} updates of {members} members in one dispatch, which "
        "ends with an evaluation,",
    )


def divide(slots: Any, devices: int) -> Any:
    """Return slots [T, M, B, ...] as [D, T, M, B / D, ...].

    Device d holds the examples at positions d B/D to (d + 1) B/D of each batch.

    Raises:
      ValueError: the batch size is not a multiple of the number of devices.
    """

    def split(leaf):
        steps, members, batch, *rest = leaf.shape
        if batch % devices:
            raise ValueError(
                f"batch size is {batch}; expected a multiple of {devices}, the number "
                "of devices: change one of the two"
            )
        shape = (steps, members, devices, batch // devices, *rest)
        return np.moveaxis(leaf.reshape(shape), 2, 0)

    return jax.tree.map(split, slots)
