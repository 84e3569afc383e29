"""A data set for image classification that fits in memory."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lec7 import arguments
from lec7.data import disk


class Split(NamedTuple):
    """N images and their labels; a pytree, so `jax.tree.map` indexes both at once."""

    images: np.ndarray | disk.DiskImages
    """float32: images [N, H, W, C], sequences [N, L, C], vectors [N, D]."""
    labels: np.ndarray
    """int32 [N], classes from 0 to K - 1."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Up to three disjoint splits with images of one shape; None is no split."""

    name: str
    num_classes: int
    train: Split
    validation: Split | None = None
    test: Split | None = None

    def with_images(self, change: Callable[[np.ndarray], np.ndarray]) -> "Dataset":
        """Return the data set with the images [N, ..., C] of each split changed."""
        changed = {
            name: split._replace(images=change(split.images))
            for name, split in vars(self).items()
            if isinstance(split, Split)
        }
        return dataclasses.replace(self, **changed)


def standardise(
    dataset: Dataset, moments: tuple[ArrayLike, ArrayLike] | None = None
) -> Dataset:
    """Return the data set with images (x - mean_c) / std_c.

    Args:
      dataset: left as it is.
      moments: mean and standard deviation of each channel [C], as of the data that a
        network was trained on; those of the train split unless given.

    Returns:
      A data set with new images and the same labels.

    Raises:
      ValueError: the moments are not of C channels, or a deviation is not above zero.
    """
    mean, std = moments or channel_moments(dataset.train.images)
    mean, std = np.float32(mean), np.float32(std)
    channels = dataset.train.images.shape[-1:]
    for name, moment in (("mean", mean), ("std", std)):
        shape = moment.shape
        arguments.require(shape == channels, f"the shape of {name}", shape, channels)
    arguments.require_positive(std=std)
    return dataset.with_images(lambda images: (images - mean) / std)


def channel_moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each channel over all other axes.

    Args:
      images: [N, ..., C].

    Returns:
      Both float32 [C]; the standard deviation of a constant channel is given as 1.

    Raises:
      ValueError: there is no image, or a pixel is not finite.

    Example:
      >>> channel_moments(np.array([[[[0.0, 0.5]], [[1.0, 0.5]]]]))
      (array([0.5, 0.5], dtype=float32), array([0.5, 1. ], dtype=float32))
    """
    on_disk = isinstance(images, disk.DiskImages)
    if not images.size or not np.isfinite(images.table if on_disk else images).all():
        raise ValueError(
            f"images {list(images.shape)} are empty or not finite; expected moments of "
            "finite numbers"
        )
    axes = tuple(range(images.ndim - 1))
    mean, std = (
        images.moments()
        if on_disk
        else (moment(axes, dtype=np.float64) for moment in (images.mean, images.std))
    )
    return np.float32(mean), np.float32(np.where(std > 0, std, 1))


def chunks(split: Split, size: int) -> list[Split] | disk.Elements[Split]:
    """Divide a split, in its order, into batches for an evaluation.

    Args:
      split: N examples.
      size: of every batch but the last, which holds what is left; >= 1.

    Returns:
      Batches that hold every example once; where images stay on the disk, they are
        read whenever the batches are walked.

    Raises:
      ValueError: the size is below 1, or there are not as many labels as images.

    Example:
      >>> split = Split(np.zeros((5, 1, 1, 1), np.float32), np.arange(5))
      >>> [batch.labels.tolist() for batch in chunks(split, 2)]
      [[0, 1], [2, 3], [4]]
    """
    arguments.require_counts(size=size)
    if len(split.images) != len(split.labels):
        raise ValueError(
            f"split has {len(split.images)} images and {len(split.labels)} labels; "
            "expected as many of both"
        )
    starts = range(0, len(split.labels), size)

    def chunk(number: int) -> Split:
        rows = slice(starts[number], starts[number] + size)
        return Split(np.asarray(split.images[rows]), split.labels[rows])

    if isinstance(split.images, disk.DiskImages):
        nbytes = size * split.images.nbytes // max(1, len(split.images))
        return disk.Elements(chunk, len(starts), nbytes)
    return [chunk(number) for number in range(len(starts))]
