"""What the records of a data set hold, and which of them make up a split."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from lec7.data import errors

if typing.TYPE_CHECKING:
    import tensorflow_datasets as tfds


class Fields(NamedTuple):
    """Where a record keeps its image and its label."""

    image: str
    label: str
    num_classes: int
    shape: tuple[int | None, int | None, int]
    """(H, W, C); None where images differ."""


class Rows(NamedTuple):
    """Consecutive records of one TFDS split."""

    split: str
    numbers: range


def fields(builder: tfds.core.DatasetBuilder) -> Fields:
    """Return how a data set for image classification names its fields.

    Raises:
      DataError: it does not have one image of bytes and one class an example.
    """
    from tensorflow_datasets import features

    match builder.info.supervised_keys:
        case (str(image), str(label)):
            pixels, classes = (builder.info.features[key] for key in (image, label))
            if (
                isinstance(classes, features.ClassLabel)
                and len(pixels.shape) == 3
                and pixels.np_dtype == np.uint8
            ):
                return Fields(image, label, classes.num_classes, pixels.shape)
    raise errors.DataError(
        f"The data set {builder.info.full_name!r} is not one for image classification: "
        "expected one image of bytes and one class an example, got "
        f"{builder.info.features}"
    )


def divide(builder: tfds.core.DatasetBuilder) -> dict[str, Rows]:
    """Return which records are train, validation and test; none is in two of them.

    They are the splits of these names where those exist. Without a test split the
    validation split is the test. What is still missing is the last tenth of what is
    left of train: test first, then validation.

    Raises:
      DataError: there is no train split.
    """
    whole = {
        name: Rows(name, range(split.num_examples))
        for name, split in builder.info.splits.items()
    }
    if "train" not in whole:
        raise errors.DataError(
            f"The data set {builder.info.full_name!r} has the splits {sorted(whole)}; "
            "expected 'train' among them"
        )
    given = [whole[name] for name in ("test", "validation") if name in whole]
    train = whole["train"]
    for _ in range(2 - len(given)):
        train, held_out = _hold_out(train)
        given.append(held_out)
    test, validation = given
    return {"train": train, "validation": validation, "test": test}


def _hold_out(rows: Rows) -> tuple[Rows, Rows]:
    kept = len(rows.numbers) - len(rows.numbers) // 10
    first, last = rows.numbers[:kept], rows.numbers[kept:]
    return Rows(rows.split, first), Rows(rows.split, last)


@contextlib.contextmanager
def read_errors(builder: tfds.core.DatasetBuilder) -> Generator[None, None, None]:
    """Turn a failure to read into a message that says which folder to delete.

    Args:
      builder: of the data set that is read.

    Yields:
      Nothing.

    Raises:
      DataError: if ArrayRecord finds a file that is missing, cut off or altered.
    """
    try:
        yield
    except RuntimeError as error:
        raise errors.DataError(errors.damage(builder.data_path, error)) from error
