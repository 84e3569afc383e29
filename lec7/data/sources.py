"""Load any data set for image classification by its TFDS name."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np

from lec7.data import arrays, checks, disk, errors, idx, paths, preparation, records
from lec7.data import dataset as datasets

CHUNK = 1024  # records read at once


def load(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    timeout: float = 5.0,
    memory_limit: int = 2 * 2**30,
) -> datasets.Dataset:
    """Return a data set as checked arrays, in memory as far as they fit.

    `digits`, `glyphs` (see `glyphs.py` for its configs), `mnist1d` and `mnist5k` need
    no network. Any other name is TFDS's and needs TensorFlow and the network once, to
    be prepared. Bytes become float32 in [0, 1]. `records.divide` says which examples
    are train, validation and test; a split without labels, whose classes are all -1,
    counts as missing, with a warning.

    Args:
      name: such as `digits`, `glyphs/colour32`, `cifar10`, `mnist:3.*.*`; or a path,
        see `paths.py`.
      data_dir: folder of the prepared records; None is the one that the environment
        variable `LEC7_DATA_DIR` names, or else `lec7/data` in the user's cache folder.
      timeout: how long the server of a download may take to answer, seconds.
      memory_limit: bytes that the images may take. Splits are read as long as they fit,
        the smallest first; images of the others stay on the disk, as `DiskImages`.

    Returns:
      Images float32 [N, H, W, C], or other inputs [N, ..., C], and labels int32 [N] of
      three splits.

    Raises:
      DataError: if the data set cannot be fetched, is damaged or not one for image
        classification, has labels out of range, or images of many sizes.
      UnknownDatasetError: if there is no such data set.
    """
    if paths.is_path(name):
        return paths.load_path(name, memory_limit)
    if name == "fashion_mnist" and (folder := paths.fashion_mnist(data_dir)):
        splits = idx.read_folder(folder, memory_limit, idx.FASHION_MNIST)
        return arrays.assemble(splits, name, None, memory_limit)
    builder = preparation.prepared(name, data_dir=data_dir, timeout=timeout)
    fields = records.fields(builder)
    rows = records.divide_labelled(builder, fields)
    read = _readers(name, fields, rows, memory_limit)
    splits = {role: read[role](builder, fields, rows[role]) for role in rows}
    dataset = datasets.Dataset(name, fields.num_classes, **splits)
    checks.check_dataset(dataset)
    return dataset


def _readers(
    name: str,
    fields: records.Fields,
    rows: dict[str, records.Rows],
    memory_limit: int,
) -> dict[str, Callable[..., datasets.Split]]:
    """Return which splits are read to memory, and which stay on the disk.

    Raises:
      DataError: images have different sizes, or are too many and no bytes.
    """
    if None in fields.shape:
        raise errors.DataError(
            f"The images of {name!r} have different sizes; expected one size for "
            "arrays: read it with lec7.data.stream and an image_size"
        )
    read, left = {}, memory_limit
    for role, part in sorted(rows.items(), key=lambda item: len(item[1].numbers)):
        left -= 4 * len(part.numbers) * math.prod(fields.shape)
        read[role] = _read if left >= 0 else _keep
    if left < 0 and fields.divisor == 1:
        raise errors.DataError(
            f"The inputs of {name!r} take {(memory_limit - left) / 2**30:.2f} GiB; "
            f"expected at most {memory_limit / 2**30:.2f} GiB of numbers that are no "
            "bytes: raise memory_limit"
        )
    return read


def _read(builder, fields: records.Fields, rows: records.Rows) -> datasets.Split:
    images = np.empty((len(rows.numbers), *fields.shape), np.float32)
    labels = np.empty(len(rows.numbers), np.int32)
    read = records.opened(builder, rows.split)
    for part in _parts(rows):
        found = read(rows.numbers[part], fields.image, fields.label)
        images[part], labels[part] = map(list, zip(*found, strict=True))
    images /= fields.divisor
    return datasets.Split(images, labels)


def _keep(builder, fields: records.Fields, rows: records.Rows) -> datasets.Split:
    """Return a split whose images stay on the disk; its labels are read."""
    labels = np.empty(len(rows.numbers), np.int32)
    read = records.opened(builder, rows.split)
    for part in _parts(rows):
        labels[part] = [label for (label,) in read(rows.numbers[part], fields.label)]
    images = disk.DiskImages(
        lambda numbers: np.stack([x for (x,) in read(numbers, fields.image)]),
        numbers=np.asarray(rows.numbers),
        table=disk.plain_table(*fields.shape),
        image_shape=fields.shape,
        records=records.identity(builder, rows.split, labels),
    )
    return datasets.Split(images, labels)


def _parts(rows: records.Rows) -> list[slice]:
    """Return which records are read at once."""
    starts = range(0, len(rows.numbers), CHUNK)
    return [slice(start, start + CHUNK) for start in starts]
