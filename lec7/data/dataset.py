"""A data set for image classification that fits in memory."""

import dataclasses
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """N images and their labels; a pytree, so `jax.tree.map` indexes both at once."""

    images: np.ndarray
    """float32 [N, H, W, C]."""
    labels: np.ndarray
    """int32 [N], classes from 0 to K - 1."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Three disjoint splits with images of one shape."""

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split


def standardise(dataset: Dataset) -> Dataset:
    """Return the data set with channels of mean 0 and variance 1 on the train split.

    x <- (x - mean_c) / std_c, with the mean and the standard deviation of channel c
    over all pixels of the train split, and std_c = 1 for a constant channel. The
    validation and test splits are moved by the numbers of the train split.

    Args:
      dataset: left as it is.

    Returns:
      A data set with new images and the same labels.
    """
    axes = (0, 1, 2)
    mean = dataset.train.images.mean(axes, dtype=np.float64)
    std = dataset.train.images.std(axes, dtype=np.float64)
    shift, scale = np.float32(mean), np.float32(np.where(std > 0, std, 1))

    def move(split: Split) -> Split:
        return split._replace(images=(split.images - shift) / scale)

    return dataclasses.replace(
        dataset,
        train=move(dataset.train),
        validation=move(dataset.validation),
        test=move(dataset.test),
    )


def chunks(split: Split, size: int) -> list[Split]:
    """Divide a split, in its order, into batches for an evaluation.

    Args:
      split: N examples.
      size: of every batch but the last, which holds what is left; >= 1.

    Returns:
      Batches that hold every example once.

    Example:
      >>> split = Split(np.zeros((5, 1, 1, 1), np.float32), np.arange(5))
      >>> [batch.labels.tolist() for batch in chunks(split, 2)]
      [[0, 1], [2, 3], [4]]
    """
    return [
        Split(split.images[start : start + size], split.labels[start : start + size])
        for start in range(0, len(split.labels), size)
    ]
