"""Images and sequences made to fit a network that was trained on others."""

from collections.abc import Sequence

import numpy as np

from lec7.data import dataset as datasets
from lec7.data import disk, errors


def fit_images(dataset: datasets.Dataset, shape: Sequence[int]) -> datasets.Dataset:
    """Return the data set with images of another shape, such as a network asks for.

    Images are scaled by bilinear interpolation, which on the way down first removes
    what the smaller image cannot hold. Grey becomes colour by repetition, and colour
    becomes grey by the mean of the channels. Sequences are scaled likewise.

    Args:
      dataset: left as it is.
      shape: (H, W, C), or (L, C) of sequences.

    Returns:
      A data set with new images and the same labels.

    Raises:
      DataError: the channels differ, and are one in neither; one shape is that of
        images and the other that of sequences; or images that have another shape stay
        on the disk.
    """
    train = dataset.train.images
    if train.shape[1:] == tuple(shape):
        return dataset
    if isinstance(train, disk.DiskImages):
        raise errors.DataError(
            f"images of {dataset.name} are {list(train.shape[1:])} and too many for "
            f"memory; expected {list(shape)}: raise the memory_limit of data.load"
        )
    *size, channels = shape
    *sides, own = train.shape[1:]
    if len(sides) != len(size):
        raise errors.DataError(
            f"examples of {dataset.name} have shape {[*sides, own]}; expected one like "
            f"{[*shape]}, of as many axes"
        )
    if channels != own and 1 not in (channels, own):
        raise errors.DataError(
            f"images of {dataset.name} have {own} channels; expected 1 or {channels}"
        )

    def fit(images: np.ndarray) -> np.ndarray:
        if channels < own:
            images = images.mean(axis=-1, keepdims=True)
        if sides != size:
            import jax  # which takes its time, and is not needed to read data

            whole = (len(images), *size, images.shape[-1])
            images = np.asarray(jax.image.resize(images, whole, "bilinear"))
        return np.broadcast_to(images, (len(images), *shape))

    return dataset.with_images(fit)
