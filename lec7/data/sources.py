"""Load any data set for image classification by its TFDS name, as arrays."""

from __future__ import annotations

import math
import os

import numpy as np

from lec7.data import checks, errors, preparation, records
from lec7.data import dataset as datasets

CHUNK = 1024  # records read at once


def load(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    timeout: float = 5.0,
    memory_limit: int = 2 * 2**30,
) -> datasets.Dataset:
    """Return a data set as checked arrays in memory.

    `digits`, `glyphs` (see `glyphs.py` for its configs), `mnist1d` and `mnist5k` need
    no network. Any other name is TFDS's and needs TensorFlow and the network once, to
    be prepared. Bytes become float32 in [0, 1]. `records.divide` says which examples
    are train, validation and test; a split without labels, whose classes are all -1,
    counts as missing, with a warning.

    Args:
      name: such as `digits`, `glyphs/colour32`, `cifar10`, `mnist:3.*.*`.
      data_dir: folder of the prepared records; None is the one that the environment
        variable `LEC7_DATA_DIR` names, or else `lec7/data` in the user's cache folder.
      timeout: how long the server of a download may take to answer, seconds.
      memory_limit: bytes that the images may take; known before any is read.

    Returns:
      Images float32 [N, H, W, C], or other inputs [N, ..., C], and labels int32 [N] of
      three splits.

    Raises:
      DataError: if the data set cannot be fetched, is damaged or not one for image
        classification, has labels out of range, or is too large for arrays.
      UnknownDatasetError: if there is no such data set.
    """
    builder = preparation.prepared(name, data_dir=data_dir, timeout=timeout)
    fields = records.fields(builder)
    rows = records.divide(builder)
    _check_size(name, fields, rows, memory_limit)
    rows = records.divide_labelled(builder, fields)
    splits = {role: _read(builder, fields, rows[role]) for role in rows}
    dataset = datasets.Dataset(name, fields.num_classes, **splits)
    checks.check_dataset(dataset)
    return dataset


def _check_size(
    name: str,
    fields: records.Fields,
    rows: dict[str, records.Rows],
    memory_limit: int,
) -> None:
    if None in fields.shape:
        raise errors.DataError(
            f"The images of {name!r} have different sizes; expected one size for "
            "arrays: read it with lec7.data.stream and an image_size"
        )
    examples = sum(len(part.numbers) for part in rows.values())
    size = 4 * examples * math.prod(fields.shape)
    if size > memory_limit:
        raise errors.DataError(
            f"The images of {name!r} take {size / 2**30:.2f} GiB; expected at most "
            f"{memory_limit / 2**30:.2f} GiB: read it with lec7.data.stream, or raise "
            "memory_limit"
        )


def _read(builder, fields: records.Fields, rows: records.Rows) -> datasets.Split:
    images = np.empty((len(rows.numbers), *fields.shape), np.float32)
    labels = np.empty(len(rows.numbers), np.int32)
    with records.read_errors(builder):
        source = builder.as_data_source(rows.split)
        for start in range(0, len(rows.numbers), CHUNK):
            chunk = source.__getitems__(
                [int(number) for number in rows.numbers[start : start + CHUNK]]
            )
            part = slice(start, start + CHUNK)
            images[part] = [example[fields.image] for example in chunk]
            labels[part] = [example[fields.label] for example in chunk]
    images /= fields.divisor
    return datasets.Split(images, labels)
