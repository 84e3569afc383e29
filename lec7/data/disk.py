"""Images that are too many for memory: they stay on the disk, and are read by index."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np

from lec7 import memory

READ = 2**26  # bytes of an array that indexing returns at the most
AHEAD = 2**25  # bytes that wait at the most, read ahead
WAITING = 64  # elements that wait at the most
BLOCK = 256  # images read at once, fewer where they have more than `READ` bytes
BYTES = 256  # values of a byte

Element = TypeVar("Element")


@dataclasses.dataclass(frozen=True, eq=False)
class DiskImages(np.lib.mixins.NDArrayOperatorsMixin):
    """Images [N, H, W, C] of bytes on the disk, used as an array would be.

    What is indexed is an array, or stays on the disk where that takes more than `READ`
    bytes. What is made of single pixels, as by a standardisation, is kept as a table of
    what it makes of each byte. So it is bytes that go to the device, and they become
    there, to the last bit, what they would be in memory.
    """

    fetch: Callable[[np.ndarray], np.ndarray]
    """Numbers of records [n] -> their bytes, uint8 [n, H, W, C]."""
    numbers: np.ndarray
    """Of the records, int [N]."""
    table: np.ndarray
    """What bytes stand for in each channel, [256, 1, 1, C]."""
    image_shape: tuple[int, ...]
    """(H, W, C)."""
    records: str
    """Tells these records from others."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return (len(self.numbers), *self.image_shape)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """Of what the bytes stand for."""
        return self.table.dtype

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return self.size * self.dtype.itemsize

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of which records they are, and of what their bytes stand for."""
        told = hashlib.sha256(f"{self.records}{self.shape}{self.dtype}".encode())
        for array in (self.numbers, self.table):
            told.update(np.ascontiguousarray(array))
        return told.hexdigest()

    def __len__(self) -> int:
        """Return N."""
        return len(self.numbers)

    def __getitem__(self, index: Any) -> np.ndarray | DiskImages:
        """Return some of the images, which integers or a slice number."""
        numbers = self.numbers[index]
        part = dataclasses.replace(self, numbers=numbers.ravel())
        if numbers.ndim == 1 and part.nbytes > READ:
            return part
        return np.asarray(part).reshape(*numbers.shape, *self.image_shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return what memory would have held."""
        del copy
        memory.require_host(self.nbytes, f"{len(self):,} images that are on the disk")
        array = np.empty(self.shape, self.dtype)
        for start, pixels in zip(self._starts(), self._blocks(), strict=True):
            array[start : start + len(pixels)] = self._decoded(pixels)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **given: Any
    ) -> DiskImages:
        """Return images of which each pixel is changed by itself.

        Raises:
          TypeError: the change is not one of single pixels.
        """
        tables = [x.table if isinstance(x, DiskImages) else x for x in inputs]
        alone = sum(isinstance(x, DiskImages) for x in inputs) == 1
        pixelwise = alone and method == "__call__" and ufunc.signature is None
        made = ufunc(*tables, **given) if pixelwise else None
        if np.shape(made) != self.table.shape:
            raise TypeError(
                f"{ufunc.__name__} of images that are on the disk: expected a function "
                "of single pixels, the same for all in a channel; or np.asarray(images)"
            )
        return dataclasses.replace(self, table=made)

    def bytes(self, rows: np.ndarray) -> np.ndarray:
        """Return the bytes of some images, uint8 [n, H, W, C]."""
        return self.fetch(self.numbers[rows])

    def decode(self, pixels: Any) -> Any:
        """Return what bytes [..., C] stand for, inside a compiled program."""
        import jax.numpy as jnp  # which is not needed to read data

        table = jnp.asarray(self.table.reshape(BYTES, -1))
        channel = np.arange(pixels.shape[-1]).reshape((1,) * (pixels.ndim - 1) + (-1,))
        return table[pixels, channel]

    def _blocks(self) -> Iterator[np.ndarray]:
        """Return the bytes of all images, at most `BLOCK` of them at once."""
        starts = self._starts()
        size = starts.step * self.size // max(1, len(self))

        def block(number: int) -> np.ndarray:
            rows = slice(starts[number], starts[number] + starts.step)
            return self.bytes(rows)

        return read_ahead(block, len(starts), size=size)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each channel, float64 [C]."""
        values = self.table.reshape(BYTES, -1).astype(np.float64)
        mean = np.sum(self._shares * values, axis=0)
        variance = np.sum(self._shares * (values - mean[None]) ** 2, axis=0)
        return mean, np.sqrt(variance)

    @functools.cached_property
    def _shares(self) -> np.ndarray:
        """How often each byte is found in each channel, [256, C]."""
        counts = np.zeros((BYTES, self.image_shape[-1]), np.int64)
        for pixels in self._blocks():
            for channel in range(pixels.shape[-1]):
                found = pixels[..., channel].ravel()
                counts[:, channel] += np.bincount(found, minlength=BYTES)
        return counts / counts.sum(axis=0)

    def _starts(self) -> range:
        one = max(1, int(np.prod(self.image_shape)))
        return range(0, len(self), max(1, min(BLOCK, READ // one)))

    def _decoded(self, pixels: np.ndarray) -> np.ndarray:
        return self.table.reshape(BYTES, -1)[pixels, np.arange(pixels.shape[-1])]


@dataclasses.dataclass(frozen=True, eq=False)
class Elements(Generic[Element]):
    """What is read again whenever it is walked, ahead in threads."""

    element: Callable[[int], Element]
    count: int
    size: int
    """Bytes of an element."""

    def __len__(self) -> int:
        """Return how many there are."""
        return self.count

    def __iter__(self) -> Iterator[Element]:
        """Return an iterator over all of them."""
        return read_ahead(self.element, self.count, size=self.size)

    def __getitem__(self, number: int) -> Element:
        """Return one of them."""
        return self.element(range(self.count)[number])


def mapped(array: np.ndarray) -> DiskImages | None:
    """Return images of bytes that a file is mapped to, or None for another array."""
    plain = isinstance(array, np.memmap) and array.dtype == np.uint8
    if not plain or array.ndim not in (3, 4):
        return None
    pixels = array if array.ndim == 4 else array[..., None]
    if 4 * pixels[0].size > READ:
        return None
    return DiskImages(
        lambda numbers: np.array(pixels[numbers]),
        numbers=np.arange(len(pixels)),
        table=plain_table(*pixels.shape[1:]),
        image_shape=pixels.shape[1:],
        records=_content(pixels),
    )


def _content(pixels: np.ndarray) -> str:
    total = hashlib.sha256()
    for start in range(0, len(pixels), BLOCK):
        total.update(np.ascontiguousarray(pixels[start : start + BLOCK]))
    return total.hexdigest()


def plain_table(*image_shape: int) -> np.ndarray:
    """Return the table of bytes that stand for float32 in [0, 1]."""
    *size, channels = image_shape
    values = np.arange(BYTES, dtype=np.float32) / np.float32(255)
    return np.tile(values.reshape(-1, *(1 for _ in size), 1), channels)


def read_ahead(
    element: Callable[[int], Element],
    stop: int,
    *,
    size: int,
    start: int = 0,
) -> Iterator[Element]:
    """Yield elements in their order, read ahead in threads.

    Args:
      element: number -> what is read; called in several threads at once.
      stop: the number behind the last.
      size: bytes of an element, which say how many may wait.
      start: the first number.

    Yields:
      element(start) to element(stop - 1).
    """
    import grain  # which takes its time, and is not needed for data in memory

    waiting = max(1, min(WAITING, AHEAD // max(1, size)))
    options = grain.ReadOptions(
        num_threads=min(waiting, os.cpu_count() or 1), prefetch_buffer_size=waiting
    )
    numbers = grain.MapDataset.range(start, stop)
    yield from numbers.map(element).to_iter_dataset(options)
