"""Which examples make up the batch of a step: a function of (seed, step) alone.

The examples form one endless stream, epoch after epoch, each epoch a permutation of
all N of them. The batch of step t is positions t B to (t + 1) B of that stream. So
batches run on across the border of two epochs, no remainder is dropped, each epoch
holds each example exactly once, and any step is found without the steps before it.

The permutation of an epoch sorts the raw words of a Philox generator keyed by
(seed, epoch). NumPy promises the words for all its versions, but not its shuffles.
"""

import functools

import numpy as np

from lec7 import arguments


@functools.lru_cache(maxsize=64)
def _permutation(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    """Return the order in an epoch, int32 [N], read-only since it is kept."""
    sequence = np.random.SeedSequence(seed, spawn_key=(epoch,))
    words = np.random.Philox(sequence).random_raw(num_examples)
    order = np.argsort(words, kind="stable").astype(np.int32)
    order.flags.writeable = False
    return order


def batch_indices(
    seed: int, step: int, count: int, *, batch_size: int, num_examples: int
) -> np.ndarray:
    """Return the examples of `count` consecutive batches.

    Args:
      seed: >= 0; another seed is another order.
      step: the first step, >= 0.
      count: number of steps T, >= 1.
      batch_size: B, >= 1, also more than the number of examples.
      num_examples: N, >= 1.

    Returns:
      Indices from 0 to N - 1, int32 [T, B].

    Raises:
      ValueError: if an argument is below its smallest value.

    Example:
      >>> batch_indices(0, 0, 4, batch_size=3, num_examples=4)
      array([[1, 2, 0],
             [3, 2, 3],
             [1, 0, 3],
             [1, 2, 0]], dtype=int32)
    """
    arguments.require(seed >= 0, "seed", seed, "at least 0")
    arguments.require(step >= 0, "step", step, "at least 0")
    arguments.require_counts(
        count=count, batch_size=batch_size, num_examples=num_examples
    )
    start, stop = step * batch_size, (step + count) * batch_size
    epochs = range(start // num_examples, -(-stop // num_examples))
    pieces = [
        _permutation(seed, epoch, num_examples)[
            max(start - epoch * num_examples, 0) : stop - epoch * num_examples
        ]
        for epoch in epochs
    ]
    return np.concatenate(pieces).reshape(count, batch_size)
