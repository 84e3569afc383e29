"""The reader's own examples, one after another, as a data set."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lec7.data import arrays, errors, pictures, records
from lec7.data import dataset as datasets

IMAGES = ("image", "img")
LABELS = ("label", "labels", "fine_label")


def from_iterable(
    examples: Iterable[Any] | Mapping[str, Iterable[Any]],
    *,
    name: str = "examples",
    image_size: tuple[int, int] | None = None,
    num_classes: int | None = None,
    memory_limit: int = arrays.MEMORY_LIMIT,
) -> datasets.Dataset:
    """Return examples as a data set, such as those of Hugging Face's `datasets`.

    An example is a pair (image, label), or a mapping that has an `image` or `img` and a
    `label`, `labels` or `fine_label`. The image is one of Pillow or an array [..., C],
    [H, W] if it is of bytes, and the label an integer.

    Args:
      examples: those to train on, or a mapping of splits, such as a `DatasetDict`, by
        the names that `load` knows.
      name: what messages call the data set.
      image_size: (H, W) to which Pillow's images are scaled, so that they cover it.
      num_classes: K; None is what the examples' own `features` say, or else the largest
        label and one, each label being in train.
      memory_limit: bytes that the inputs may take as float32.

    Returns:
      As `from_arrays`.

    Raises:
      DataError: an example is not as expected, or as `from_arrays`.

    Example:
      >>> pairs = [(np.full((8, 8), i, np.uint8), i % 2) for i in range(20)]
      >>> from_iterable(pairs).train.images.shape
      (17, 8, 8, 1)
    """
    pictures.require_size(image_size)
    splits = examples if isinstance(examples, Mapping) else {"train": examples}
    known = {split: splits[split] for split in records.SPLITS if split in splits}
    if "train" not in known:
        raise errors.DataError(f"{name} has the splits {[*splits]}; expected 'train'")
    read: dict[str, datasets.Split] = {}
    for split, some in known.items():
        left = memory_limit - sum(4 * raw.images.size for raw in read.values())
        read[split] = _collect(some, f"{name} {split}", image_size, left)
    classes = num_classes or _told_classes(known["train"])
    return arrays.assemble(read, name, classes, memory_limit)


def _collect(
    examples: Iterable[Any], name: str, size: tuple[int, int] | None, limit: int
) -> datasets.Split:
    """Return the examples of a split as raw arrays.

    Raises:
      DataError: one is not as expected, or they exceed the limit.
    """
    images, labels = [], []
    for example in examples:
        where = f"{name}[{len(images)}]"
        image, label = _pair(example, where)
        image = _array(image, where, size)
        if not images:
            told = len(examples) if hasattr(examples, "__len__") else 1
            arrays.require_memory(name, [(told, *image.shape)], limit)
        elif image.shape != images[0].shape or image.dtype != images[0].dtype:
            raise errors.DataError(
                f"{where} is {image.dtype} {list(image.shape)} and the first "
                f"{images[0].dtype} {list(images[0].shape)}; expected one shape: give "
                "image_size, or make them equal"
            )
        images.append(image)
        labels.append(label)
        arrays.require_memory(name, [(len(images), *image.shape)], limit)
    if not images:
        raise errors.DataError(f"{name} has no example; expected at least one")
    return datasets.Split(np.stack(images), np.array(labels))


def _pair(example: Any, where: str) -> tuple[Any, int]:
    """Return the image and the label of an example.

    Raises:
      DataError: it has none.
    """
    if isinstance(example, Mapping):
        keys = [
            next((key for key in names if key in example), None)
            for names in (IMAGES, LABELS)
        ]
        pair = [example.get(key) for key in keys] if None not in keys else []
        found = f"a mapping of {[*example]}"
    else:
        pair = [*example] if isinstance(example, tuple | list) else []
        found = f"a {type(example).__name__}"
    if len(pair) != 2:
        raise errors.DataError(
            f"{where} is {found}; expected a pair (image, label), or a mapping with "
            f"one of {', '.join(IMAGES)} and one of {', '.join(LABELS)}"
        )
    try:
        return pair[0], operator.index(pair[1])
    except TypeError as error:
        raise errors.DataError(
            f"{where} has the label {pair[1]!r}; expected an integer"
        ) from error


def _array(image: Any, where: str, size: tuple[int, int] | None) -> np.ndarray:
    from PIL import Image

    return (
        pictures.pixels(image, where, size)
        if isinstance(image, Image.Image)
        else np.asarray(image)
    )


def _told_classes(examples: Any) -> int | None:
    """Return K as the `features` of Hugging Face's `datasets` tell it, if they do."""
    features = getattr(examples, "features", None)
    known = features if isinstance(features, Mapping) else {}
    label = next((known[key] for key in LABELS if key in known), None)
    return getattr(label, "num_classes", None)
