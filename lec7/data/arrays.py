"""The reader's own arrays and examples, as a data set.

Inputs that are bytes become float32 in [0, 1], grey images [N, H, W] of bytes getting
their channel; floating-point inputs stay what they are. Labels are integers from 0 to
K - 1, each of which the training examples have.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from lec7.data import batches, checks, disk, errors, records
from lec7.data import dataset as datasets

MEMORY_LIMIT = 2 * 2**30
Pair = tuple[ArrayLike, ArrayLike]


def from_arrays(
    train: Pair,
    validation: Pair | None = None,
    test: Pair | None = None,
    *,
    name: str = "arrays",
    num_classes: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> datasets.Dataset:
    """Return arrays as a data set, checked.

    A split that is not given is held out of those that are, by the rule of `load`. One
    in the order of its classes is mixed, always alike, so that its first examples stand
    for all.

    Args:
      train: inputs [N, ..., C] and labels [N] or [N, 1]: images [N, H, W, C], or of
        bytes [N, H, W], sequences [N, L, C], vectors [N, D].
      validation: the same of other examples.
      test: the same of other examples.
      name: what messages call the data set.
      num_classes: K; None is the largest label and one, each label being in train.
      memory_limit: bytes that the inputs may take as float32. Images of bytes that
        take more stay on the disk where `numpy.memmap` has them there, as `DiskImages`.

    Returns:
      Inputs float32 and labels int32 of three splits; float32 inputs are not copied.

    Raises:
      DataError: an array has another shape or type than expected, a value that is not
        finite or no class, or the inputs take more than the limit.

    Example:
      >>> images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 4
      >>> dataset = from_arrays((images, labels))
      >>> dataset.num_classes, dataset.train.images.shape, dataset.test.images.shape
      (4, (17, 8, 8, 1), (2, 8, 8, 1))
    """
    given = {"train": train, "validation": validation, "test": test}
    splits = {}
    for split, pair in given.items():
        if pair is not None:
            splits[split] = _as_split(pair, f"{name} {split}")
    return assemble(splits, name, num_classes, memory_limit)


def _as_split(pair: Pair, name: str) -> datasets.Split:
    try:
        images, labels = pair
        kept = images if isinstance(images, np.memmap) else np.asarray(images)
        return datasets.Split(kept, np.asarray(labels))
    except (TypeError, ValueError) as error:  # no pair, or lists of several lengths
        raise errors.DataError(
            f"{name} is no pair of arrays ({error}); expected inputs [N, ..., C] and "
            "labels [N]"
        ) from error


def assemble(
    splits: Mapping[str, datasets.Split],
    name: str,
    num_classes: int | None,
    memory_limit: int,
) -> datasets.Dataset:
    """Return splits of raw arrays, by any names that TFDS uses, as a data set.

    Raises:
      DataError: as `from_arrays` and `records.deal`.
    """
    if not fits([images.shape for images, _ in splits.values()], memory_limit):
        splits = {
            split: raw._replace(images=disk.mapped(raw.images) or raw.images)
            for split, raw in splits.items()
        }
    held = [x for x, _ in splits.values() if not isinstance(x, disk.DiskImages)]
    require_memory(name, [images.shape for images in held], memory_limit)
    known = {split: _checked(raw, f"{name} {split}") for split, raw in splits.items()}
    known = {s: raw for s, raw in known.items() if not _is_hidden(raw, name, s)}
    dealt = records.deal({split: len(raw.labels) for split, raw in known.items()}, name)
    classes = num_classes or _count_classes(known["train"].labels, f"{name} train")
    for split, raw in known.items():
        checks.check_labels(raw.labels, classes, name=f"{name} {split} labels")
    parts = {role: _take(known[rows.split], rows) for role, rows in dealt.items()}
    dataset = datasets.Dataset(name, classes, **parts)
    checks.check_dataset(dataset)
    return dataset


def fits(shapes: Iterable[Sequence[int]], limit: int) -> bool:
    """Return whether the inputs [N, ...] of all splits fit in a limit as float32."""
    return _float_bytes(shapes) <= limit


def _float_bytes(shapes: Iterable[Sequence[int]]) -> int:
    return 4 * sum(math.prod(map(int, shape)) for shape in shapes)


def require_memory(name: str, shapes: Iterable[Sequence[int]], limit: int) -> None:
    """Check that the inputs [N, ...] of all splits fit in memory as float32.

    Raises:
      DataError: they take more bytes than the limit.
    """
    size = _float_bytes(shapes)
    if size > limit:
        raise errors.DataError(
            f"The inputs of {name} take {size / 2**30:.2f} GiB as float32; expected at "
            f"most {limit / 2**30:.2f} GiB: give fewer or smaller examples, raise "
            "memory_limit of lec7.data, or give images as bytes that are not "
            "compressed, which are read from the disk"
        )


def _checked(raw: datasets.Split, name: str) -> datasets.Split:
    """Return inputs [N, ..., C] and labels [N] of the types that are read.

    Raises:
      DataError: they are others, or do not go together.
    """
    images, labels = raw
    if images.dtype == np.uint8 and images.ndim == 3:
        images = images[..., None]
    floating = np.issubdtype(images.dtype, np.floating)
    typed = images.dtype == np.uint8 or floating
    if not typed or images.ndim < 2 or 0 in images.shape[1:]:
        raise errors.DataError(
            f"{name} images are {images.dtype} {list(images.shape)}; expected bytes, "
            "uint8, or floating-point numbers [N, ..., C]"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise errors.DataError(
            f"{name} labels are {labels.dtype} {list(labels.shape)}; expected integers "
            "[N] or [N, 1], a class from 0 to K - 1 an example"
        )
    if len(images) != len(labels):
        raise errors.DataError(
            f"{name} has {len(images)} images and {len(labels)} labels; expected a "
            "label for each image"
        )
    if floating and not isinstance(images, disk.DiskImages):
        images = np.asarray(images, np.float32)
        checks.check_images(images, name=f"{name} images")
    return datasets.Split(images, labels)


def _is_hidden(raw: datasets.Split, name: str, split: str) -> bool:
    """Return whether no class of a split is published, which is said."""
    hidden = bool(len(raw.labels)) and bool((raw.labels == records.NO_LABEL).all())
    if hidden:
        warnings.warn(
            f"{name} has no labels in {split} ({records.NO_LABEL}): counted as "
            "missing, as if there were no such split",
            stacklevel=4,
        )
    return hidden


def _count_classes(labels: np.ndarray, name: str) -> int:
    """Return K, where the labels are 0 to K - 1 and each occurs.

    Raises:
      DataError: they are others, or K is 1.
    """
    present = np.unique(labels)
    wrong = present != np.arange(len(present))
    if wrong.any():
        first = int(wrong.argmax())
        raise errors.DataError(
            f"{name} labels have the class {present[first]} and not {first}; expected "
            "each from 0 to K - 1: number them by np.unique(labels, "
            "return_inverse=True)[1], or give num_classes if some do not occur"
        )
    if len(present) == 1:
        raise errors.DataError(
            f"{name} labels are all 0; expected at least two classes"
        )
    return len(present)


def _take(raw: datasets.Split, rows: records.Rows) -> datasets.Split:
    """Return examples as float32 and int32, mixed if they are in order of classes."""
    numbers = np.asarray(rows.numbers)
    count = len(numbers)
    if (np.diff(raw.labels[numbers].astype(np.int64)) >= 0).all():
        order = batches.batch_indices(0, 0, 1, batch_size=count, num_examples=count)
        numbers = numbers[order[0]]
    whole = np.array_equal(numbers, np.arange(len(raw.labels)))
    images, labels = (x if whole else x[numbers] for x in raw)
    if images.dtype == np.uint8:
        images = np.float32(images)
        images /= 255
    return datasets.Split(images, labels.astype(np.int32))
