"""What the records of a data set hold, and which of them make up a split."""

from __future__ import annotations

import contextlib
import hashlib
import typing
import warnings
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Any, NamedTuple

import numpy as np

from lec7.data import batches, errors

if typing.TYPE_CHECKING:
    import tensorflow_datasets as tfds


class Fields(NamedTuple):
    """Where a record keeps its image, or another input, and its label."""

    image: str
    label: str
    num_classes: int
    shape: tuple[int | None, ...]
    """(H, W, C), (L, C), (D,); None where images differ."""
    divisor: int = 255
    """Of the values: 255 of bytes, 1 of numbers."""


class Rows(NamedTuple):
    """Records of one TFDS split, in ascending order."""

    split: str
    numbers: Sequence[int]


NO_LABEL = -1
"""What TFDS gives for the class of an example whose class is not published."""
ROLES = {"test": ("test",), "validation": ("validation", "val", "valid", "dev")}
"""Role -> names of the splits that have it."""
SPLITS = ("train", *(name for names in ROLES.values() for name in names))


def fields(builder: tfds.core.DatasetBuilder) -> Fields:
    """Return how a data set for image classification names its fields.

    Raises:
      DataError: it does not have one input, an image of bytes or an array of float32,
        and one class an example.
    """
    from tensorflow_datasets import features

    match builder.info.supervised_keys or _only_pair(builder):
        case (str(image), str(label)):
            pixels, classes = (builder.info.features[key] for key in (image, label))
            divisor = _divisor(pixels)
            if isinstance(classes, features.ClassLabel) and divisor:
                shape = tuple(pixels.shape)
                return Fields(image, label, classes.num_classes, shape, divisor)
    raise errors.DataError(
        f"The data set {builder.info.full_name!r} is not one for image classification: "
        "expected supervised_keys that name an image of bytes, or an array of float32 "
        "of one shape, and a ClassLabel, or one of each an example; got "
        f"supervised_keys {builder.info.supervised_keys} and {builder.info.features}"
    )


def _divisor(feature: tfds.features.FeatureConnector) -> int:
    """Return what an input's values are divided by; 0 if it is no input of ours."""
    shape = feature.shape or ()
    if feature.np_dtype == np.uint8 and len(shape) == 3:
        return 255
    return int(feature.np_dtype == np.float32 and len(shape) > 0 and None not in shape)


def _only_pair(builder: tfds.core.DatasetBuilder) -> tuple[str, ...]:
    """Return the only input and the only class of a set that names no pair."""
    from tensorflow_datasets import features

    known = dict(builder.info.features)
    images = [key for key in known if len(known[key].shape) == 3]
    images = images or [key for key in known if _divisor(known[key])]
    labels = [key for key in known if isinstance(known[key], features.ClassLabel)]
    return (*images, *labels)


def divide(
    builder: tfds.core.DatasetBuilder, *, without: Collection[str] = ()
) -> dict[str, Rows]:
    """Return which records are train, validation and test; none is in two of them.

    They are the splits of these names where those exist and hold examples; validation
    may be `val`, `valid` or `dev`. Without a test split the validation split is the
    test. What is still missing is a tenth of what is left of train, which a fixed
    permutation picks, since records may be in the order of their classes: test first,
    then validation.

    Args:
      builder: of the data set.
      without: splits that count as missing.

    Raises:
      DataError: there is no train split, or too few examples in it.
    """
    sizes = {
        name: count for name, count in _counts(builder).items() if name not in without
    }
    return deal(sizes, builder.info.full_name)


def deal(sizes: Mapping[str, int], name: str) -> dict[str, Rows]:
    """Return what `divide` does, of numbers of examples by the names of splits.

    Raises:
      DataError: as `divide`.
    """
    whole = {split: Rows(split, range(size)) for split, size in sizes.items() if size}
    if "train" not in whole:
        raise errors.DataError(
            f"The data set {name!r} has the splits {sorted(whole)}; expected 'train' "
            "among them"
        )
    found = [[whole[n] for n in names if n in whole][:1] for names in ROLES.values()]
    given, train = sum(found, []), whole["train"]
    missing = 2 - len(given)
    if len(train.numbers) <= missing:
        raise errors.DataError(
            f"The train split of {name!r} has {len(train.numbers)} examples; expected "
            f"more than {missing}, since {missing} splits are missing and taken from it"
        )
    for _ in range(missing):
        train, held_out = _hold_out(train)
        given.append(held_out)
    test, validation = given
    return {"train": train, "validation": validation, "test": test}


def _counts(builder: tfds.core.DatasetBuilder) -> dict[str, int]:
    """Return how many examples the splits have."""
    splits = builder.info.splits
    if not is_mocked(builder):
        return {name: split.num_examples for name, split in splits.items()}
    names = list(splits) or ["train", *ROLES]
    return {name: len(builder.as_data_source(name)) for name in names}


def is_mocked(builder: tfds.core.DatasetBuilder) -> bool:
    """Return whether `tfds.testing.mock_data` makes the examples up."""
    prepare = getattr(builder, "download_and_prepare", None)
    return getattr(prepare, "__module__", "") == "tensorflow_datasets.testing.mocking"


def identity(builder: tfds.core.DatasetBuilder, split: str, labels: np.ndarray) -> str:
    """Return what tells the records of a split from others, without reading images."""
    known = builder.info.splits.get(split)
    sizes = known and (known.num_bytes, known.shard_lengths)
    digest = hashlib.sha256(labels).hexdigest()
    return f"{builder.info.full_name} {split} {sizes} {digest}"


def _hold_out(rows: Rows) -> tuple[Rows, Rows]:
    count = len(rows.numbers)
    order = batches.batch_indices(0, 0, 1, batch_size=count, num_examples=count)[0]
    kept = count - max(1, count // 10)
    parts = (np.sort(np.asarray(rows.numbers)[o]) for o in (order[:kept], order[kept:]))
    first, last = (Rows(rows.split, numbers) for numbers in parts)
    return first, last


def divide_labelled(
    builder: tfds.core.DatasetBuilder, fields: Fields
) -> dict[str, Rows]:
    """Return what `divide` does, a split without labels being missing, with a warning.

    Of a test set whose classes are not published every label is -1: the first, the last
    and one between are looked at.
    """
    rows = divide(builder)
    others = {part.split for part in rows.values()} - {"train"}
    hidden = {name for name in others if _is_hidden(builder, fields, name)}
    if not hidden:
        return rows
    warnings.warn(
        f"{builder.info.full_name} has no labels in {', '.join(sorted(hidden))} "
        f"({NO_LABEL}): counted as missing, as if there were no such split",
        stacklevel=3,
    )
    return divide(builder, without=hidden)


def _is_hidden(builder, fields: Fields, name: str) -> bool:
    count = _counts(builder)[name]
    looked_at = opened(builder, name)((0, count // 2, count - 1), fields.label)
    return all(label == NO_LABEL for (label,) in looked_at)


def opened(
    builder: tfds.core.DatasetBuilder, split: str
) -> Callable[..., list[tuple[Any, ...]]]:
    """Return a function that reads records of a split.

    It is given their numbers and the names of fields, and returns the values of these
    fields for each record; only what they name is parsed and decoded.
    """
    from tensorflow_datasets.proto import tf_example_pb2

    features = builder.info.features
    with read_errors(builder):
        source = builder.as_data_source(split)

    def parsed(record: bytes, key: str, held: Any) -> Any:
        if held.HasField("bytes_list"):
            return features[key].decode_example_np(held.bytes_list.value[0])
        if not features[key].shape:
            return held.int64_list.value[0]
        return features.deserialize_example_np(record)[key]

    def read(numbers: Iterable[int], *keys: str) -> list[tuple[Any, ...]]:
        wanted = [int(number) for number in numbers]
        with read_errors(builder):
            if is_mocked(builder):
                return [tuple(map(source[number].get, keys)) for number in wanted]
            found = source.data_source.__getitems__(wanted)
        held = [tf_example_pb2.Example.FromString(record) for record in found]
        return [
            tuple(parsed(record, key, example.features.feature[key]) for key in keys)
            for record, example in zip(found, held, strict=True)
        ]

    return read


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
