"""Checks of arrays on the host, before JAX sees them.

JAX raises nothing for an index out of range: a label of -1 reads the last class and
becomes a finite, wrong loss. Each check raises one message that names the first
offender, its index, and what was expected.
"""

import numpy as np

from lec7.data import dataset as datasets
from lec7.data import disk, errors


def check_labels(labels: np.ndarray, num_classes: int, *, name: str = "labels") -> None:
    """Check that labels are integers [N] from 0 to K - 1.

    Args:
      labels: one class an example.
      num_classes: K.
      name: what the message calls the array.

    Raises:
      DataError: if the rank, the type or a value is another one.
    """
    if labels.ndim != 1:
        raise errors.DataError(
            f"{name} have shape {list(labels.shape)}; expected [N], a class an example"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise errors.DataError(f"{name} are {labels.dtype}; expected integers")
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        first = int(wrong.argmax())
        raise errors.DataError(
            f"{name}[{first}] is {labels[first]}; expected a class from 0 to "
            f"{num_classes - 1}"
        )


def check_images(images: np.ndarray, *, name: str = "images") -> None:
    """Check that images, or other inputs, are finite float32 [N, ..., C].

    Args:
      images: a batch or a split: [N, H, W, C], [N, L, C], [N, D].
      name: what the message calls the array.

    Raises:
      DataError: if the rank, the type or a value is another one.
    """
    if images.ndim < 2:
        raise errors.DataError(
            f"{name} have shape {list(images.shape)}; expected [N, ..., C], such as "
            "[N, H, W, C] of images"
        )
    if images.dtype != np.float32:
        raise errors.DataError(
            f"{name} are {images.dtype}; expected float32, bytes being divided by 255"
        )
    if isinstance(images, disk.DiskImages):
        return  # bytes are finite
    wrong = ~np.isfinite(images)
    if wrong.any():
        first = tuple(int(i) for i in np.unravel_index(wrong.argmax(), wrong.shape))
        raise errors.DataError(
            f"{name}{list(first)} is {images[first]}; expected a finite number"
        )


def check_split(
    split: datasets.Split, num_classes: int, *, name: str = "split"
) -> None:
    """Check images and labels, that there are some, and that they go together.

    Args:
      split: images and labels.
      num_classes: K.
      name: what the message calls the split.

    Raises:
      DataError: if one check fails.
    """
    check_images(split.images, name=f"{name} images")
    check_labels(split.labels, num_classes, name=f"{name} labels")
    if len(split.images) != len(split.labels):
        raise errors.DataError(
            f"{name} has {len(split.images)} images and {len(split.labels)} labels; "
            "expected a label for each image"
        )
    if not len(split.labels):
        raise errors.DataError(f"{name} is empty; expected at least one example")


def check_dataset(dataset: datasets.Dataset) -> None:
    """Check each split that there is, and that all images have one shape.

    Args:
      dataset: its splits.

    Raises:
      DataError: if one check fails.
    """
    expected = dataset.train.images.shape[1:]
    for role in ("train", "validation", "test"):
        split = getattr(dataset, role)
        if split is None and role != "train":
            continue
        name = f"{dataset.name} {role}"
        check_split(split, dataset.num_classes, name=name)
        if split.images.shape[1:] != expected:
            raise errors.DataError(
                f"{name} images have shape {list(split.images.shape[1:])}; expected "
                f"{list(expected)} as in train"
            )
