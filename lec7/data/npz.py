"""Arrays of splits in one .npz, of bytes that are too many read from where they lie."""

from __future__ import annotations

import pathlib
import struct
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from lec7.data import arrays, errors, records
from lec7.data import dataset as datasets

KEYS = (("x_{}", "y_{}"), ("{}_images", "{}_labels"))
"""Names of inputs and labels of a split in an .npz: those of Keras and of MedMNIST."""
LOCAL = 26  # bytes of a member's own header, before the lengths of its name and extras
BLOCK = 2**20  # bytes


class Head(NamedTuple):
    """Of an array that is not read."""

    shape: tuple[int, ...]
    dtype: np.dtype
    start: int | None
    """Where its bytes begin in the file; None unless they lie there as they are."""


def read(path: pathlib.Path, memory_limit: int) -> dict[str, datasets.Split]:
    """Return the splits of an .npz; pickles, which can run code, are never read.

    Raises:
      DataError: it is damaged, or has other arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            heads = {
                member.removesuffix(".npy"): _head(archive, member)
                for member in archive.namelist()
                if member.endswith(".npy")
            }
            names = _find_keys(path, heads)
            inputs = {key: heads[key] for key, _ in names.values()}
            mapped = {}
            if not arrays.fits([head.shape for head in inputs.values()], memory_limit):
                held = [head.shape for head in inputs.values() if head.start is None]
                arrays.require_memory(str(path), held, memory_limit)
                mapped = {k: _map(archive, k, h) for k, h in inputs.items() if h.start}
        with np.load(path, allow_pickle=False) as held:
            return {
                split: datasets.Split(
                    *(mapped[key] if key in mapped else held[key] for key in keys)
                )
                for split, keys in names.items()
            }
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        zlib.error,
    ) as error:
        raise errors.DataError(
            f"{path} is no good .npz ({error}): write it anew by np.savez"
        ) from error


def _head(archive: zipfile.ZipFile, member: str) -> Head:
    """Return what is known of an array before it is read."""
    info = archive.getinfo(member)
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        first = version == (1, 0)
        form = np.lib.format
        read = form.read_array_header_1_0 if first else form.read_array_header_2_0
        shape, by_columns, dtype = read(file)
        start = file.tell()
    plain = info.compress_type == zipfile.ZIP_STORED and not by_columns
    if not plain or dtype != np.uint8:
        return Head(shape, dtype, None)
    with open(archive.filename, "rb") as file:
        file.seek(info.header_offset + LOCAL)
        name, extra = struct.unpack("<HH", file.read(4))
    return Head(shape, dtype, info.header_offset + LOCAL + 4 + name + extra + start)


def _map(archive: zipfile.ZipFile, key: str, head: Head) -> np.memmap:
    """Return an array whose bytes stay on the disk, once they are known to be sound."""
    with archive.open(f"{key}.npy") as file:
        while file.read(BLOCK):  # to the end, where their checksum is compared
            pass
    return np.memmap(archive.filename, np.uint8, "r", head.start, head.shape)


def _find_keys(path: pathlib.Path, heads: dict) -> dict[str, tuple[str, str]]:
    """Return the names of inputs and labels of each split.

    Raises:
      DataError: some are missing, or hold no numbers.
    """
    found = {}
    for split in records.SPLITS:
        for pair in KEYS:
            keys = tuple(key.format(split) for key in pair)
            if set(keys) & set(heads):
                found.setdefault(split, keys)
    missing = [key for keys in found.values() for key in keys if key not in heads]
    if missing or "train" not in found:
        wanted = ", ".join(missing) or "x_train, y_train"
        raise errors.DataError(
            f"{path} has the arrays {sorted(heads)}; expected {wanted} too: inputs and "
            "labels of train, and of test and val where there are such"
        )
    for key in (key for keys in found.values() for key in keys):
        if heads[key].dtype.hasobject:
            raise errors.DataError(
                f"{path} holds Python objects in {key}; expected numbers, since a "
                "pickle can run any code: save an array of one shape and type"
            )
    return found
