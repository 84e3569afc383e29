"""Read batches from the disk: for a loop of one's own, and images of many sizes."""

from __future__ import annotations

import os
import sys
import typing

import numpy as np

from lec7 import arguments
from lec7.data import batches, checks, pictures, preparation, records
from lec7.data import dataset as datasets

if typing.TYPE_CHECKING:
    import grain


def stream(
    name: str,
    split: str,
    *,
    batch_size: int,
    seed: int | None,
    image_size: tuple[int, int] | None = None,
    host: tuple[int, int] = (0, 1),
    data_dir: str | os.PathLike | None = None,
    timeout: float = 5.0,
) -> grain.MapDataset[datasets.Split]:
    """Return the batches of a split, read from the disk when they are asked for.

    With a seed, element t is the batch of step t, the same examples as
    `batch_indices(seed, t, 1, ...)`: it has no end, and its state is the step. Without
    one, the elements are the split once, in the order of the disk, and the last may be
    smaller: for evaluation.

    Args:
      name: as in `load`.
      split: `train`, `validation` or `test`, as in `load`.
      batch_size: B.
      seed: >= 0, or None.
      image_size: (H, W); an image is scaled to cover it and its centre is cut out.
        None leaves images as they are, which must then have one size.
      host: (h, H), for host h of H: with a seed, the batches have its rows of those of
        all alone, B / H of them; `train.train` takes such a stream on every host.
      data_dir: as in `load`.
      timeout: as in `load`.

    Returns:
      Batches of images float32 [B, H, W, C] in [0, 1] and labels int32 [B]. To read
      ahead in threads, from step t on:
      `batches[t:].to_iter_dataset(grain.ReadOptions(num_threads=8,
      prefetch_buffer_size=8))`; the default buffer, 500 batches, is meant for small
      elements.

    Raises:
      DataError: as `load`, when it is called or when a batch is asked for.
      UnknownDatasetError: if there is no such data set.
      ValueError: if there is no such split, or no size where images need one; or if
        the hosts cannot share a batch.
    """
    import grain

    builder = preparation.prepared(name, data_dir=data_dir, timeout=timeout)
    fields = records.fields(builder)
    rows = records.divide_labelled(builder, fields)
    arguments.require_one_of(rows, split=split)
    own = _rows_of(host, batch_size, seed)
    pictures.require_size(image_size)
    if image_size is not None:
        pixels = fields.divisor == 255
        arguments.require(pixels, "image_size", image_size, "None: these are no images")
    if image_size is None and None in fields.shape:
        raise ValueError(
            f"image_size is None; expected (H, W), since images of {name!r} differ"
        )
    numbers = rows[split].numbers
    read = records.opened(builder, rows[split].split)

    def drawn(position: int) -> int:
        step, row = divmod(position, len(own))
        position = step * batch_size + own[row]
        found = batches.batch_indices(
            seed, position, 1, batch_size=1, num_examples=len(numbers)
        )
        return found.item()

    def example(number: int) -> datasets.Split:
        [(pixels, label)] = read([numbers[number]], fields.image, fields.label)
        if image_size is not None:
            pixels = pictures.cover(pixels, image_size)
        return datasets.Split(np.float32(pixels) / fields.divisor, np.int32(label))

    def checked(batch: datasets.Split) -> datasets.Split:
        checks.check_labels(batch.labels, fields.num_classes, name=f"{name} labels")
        return batch

    if seed is None:
        order = grain.MapDataset.range(len(numbers))
    else:
        order = grain.MapDataset.range(sys.maxsize).map(drawn)
    return order.map(example).batch(len(own)).map(checked)


def _rows_of(host: tuple[int, int], batch_size: int, seed: int | None) -> range:
    """Return which rows of a batch a host reads.

    Raises:
      ValueError: there is no such host, the hosts cannot share a batch, or the stream
        has an end, where the last batch may not be shared.
    """
    place, hosts = host
    arguments.require(0 <= place < hosts, "host", host, "(h, H) with 0 <= h < H")
    shared = hosts == 1 or (batch_size % hosts == 0 and seed is not None)
    expected = f"a multiple of the {hosts} hosts, and a seed"
    arguments.require(shared, "batch_size", batch_size, expected)
    each = batch_size // hosts
    return range(place * each, (place + 1) * each)
