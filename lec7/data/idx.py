"""IDX files, the format of MNIST and of sets that follow it, plain or gzip.

A file is two zero bytes, one for the type, one for the rank, the big-endian uint32
extent of each axis, and the values. Files are known by their names, such as
`train-images-idx3-ubyte.gz`; `t10k` is the test split.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import pathlib
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lec7.data import arrays, errors, records
from lec7.data import dataset as datasets

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
NAME = re.compile(
    rf"(.*[^a-z])?({'|'.join(records.SPLITS)}|t10k)[-_.](image|label)s"
    r"[-_.]idx\d[-_.][a-z]+(\.gz)?"
)
FASHION_MNIST = {
    "train-images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "test-images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "test-labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""SHA-256 of the four files, uncompressed: Debian's are compressed anew."""


def find(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return the IDX files of a folder: `train-images`, `test-labels`, ... -> path.

    Raises:
      DataError: two files could be one of them.
    """
    found: dict[str, pathlib.Path] = {}
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in inside:  # a plain file comes before its gzip, and is taken
        match = NAME.fullmatch(path.name.lower())
        if match and path.is_file():
            split = "test" if match[2] == "t10k" else match[2]
            other = found.setdefault(f"{split}-{match[3]}s", path)
            if other != path and other.name != path.name.removesuffix(".gz"):
                raise errors.DataError(
                    f"{folder} has {other.name} and {path.name}; expected one file of "
                    f"{split} {match[3]}s: take one away"
                )
    return found


def read_folder(
    folder: pathlib.Path,
    memory_limit: int,
    known: Mapping[str, str] | None = None,
) -> dict[str, datasets.Split]:
    """Return the splits of a folder of IDX files.

    Args:
      folder: of the files.
      memory_limit: bytes that the inputs may take as float32; bytes in files that are
        not compressed and take more stay on the disk.
      known: the name that `find` gives -> SHA-256 of what must be in that file.

    Raises:
      DataError: a file is missing, damaged or another one than is known.
    """
    files = find(folder)
    splits = [name.partition("-")[0] for name in known or files]
    wanted = [
        f"{s}-{kind}" for s in dict.fromkeys(splits) for kind in ("images", "labels")
    ]
    missing = sorted({*wanted} - {*files})
    if missing:
        present = ", ".join(sorted(path.name for path in files.values()))
        raise errors.DataError(
            f"{folder} has {present}; expected IDX files of {', '.join(missing)} too"
        )
    images = [files[name] for name in wanted if name.endswith("images")]
    shapes = {path: _header(path)[1] for path in images}
    mapped = set()
    if not arrays.fits(shapes.values(), memory_limit):
        mapped = {path for path in images if _can_map(path)}
        held = [shape for path, shape in shapes.items() if path not in mapped]
        arrays.require_memory(str(folder), held, memory_limit)
    read = {
        name: (_map if files[name] in mapped else _read)(
            files[name], (known or {}).get(name)
        )
        for name in wanted
    }
    return {
        split: datasets.Split(read[f"{split}-images"], read[f"{split}-labels"])
        for split in dict.fromkeys(splits)
    }


def _header(path: pathlib.Path) -> tuple[np.dtype, tuple[int, ...]]:
    """Return the type and the shape that an IDX file says it has.

    Raises:
      DataError: it is no IDX file.
    """
    start = _content(path, 4)
    rank = start[3] if len(start) == 4 else 0
    head = _content(path, 4 + 4 * rank)
    whole = len(head) >= 4 + 4 * max(rank, 1)
    if not whole or start[:2] != b"\0\0" or start[2] not in TYPES:
        raise errors.DataError(_damage(path, f"it begins with {start.hex(' ')}"))
    extents = np.frombuffer(head, ">u4", offset=4)
    return np.dtype(TYPES[start[2]]), tuple(extents.tolist())


def _can_map(path: pathlib.Path) -> bool:
    return path.suffix.lower() != ".gz" and _header(path)[0] == np.uint8


def _map(path: pathlib.Path, sha256: str | None) -> np.memmap:
    """Return the bytes of an IDX file, which stay on the disk, checked as by `_read`.

    Raises:
      DataError: the file is damaged or another one.
    """
    _, shape = _header(path)
    start, size = 4 + 4 * len(shape), path.stat().st_size
    _require_size(path, np.dtype(np.uint8), shape, size)
    values = np.memmap(path, np.uint8, "r", shape=(size,))
    _require_content(path, values, sha256)
    return values[start:].reshape(shape)


def _read(path: pathlib.Path, sha256: str | None) -> np.ndarray:
    """Return the array of an IDX file, whose size and content are checked.

    Raises:
      DataError: the file is damaged or another one.
    """
    dtype, shape = _header(path)
    start = 4 + 4 * len(shape)
    size = start + math.prod(shape) * dtype.itemsize
    content = _content(path, size + 1)
    _require_size(path, dtype, shape, len(content))
    _require_content(path, content, sha256)
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _require_size(
    path: pathlib.Path, dtype: np.dtype, shape: Sequence[int], found: int
) -> None:
    """Check how many bytes a file has.

    Raises:
      DataError: they are not as many as its head tells.
    """
    size = 4 + 4 * len(shape) + math.prod(shape) * dtype.itemsize
    if found != size:
        told = "more" if found > size else found
        reason = f"{list(shape)} {dtype} take {size} bytes; it has {told}"
        raise errors.DataError(_damage(path, reason))


def _require_content(path: pathlib.Path, content: Any, sha256: str | None) -> None:
    """Check what a file holds.

    Raises:
      DataError: it is another one than is known.
    """
    if sha256 is None:
        return
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        reason = f"its content has the SHA-256 {found}; expected {sha256}"
        raise errors.DataError(_damage(path, reason))


def _content(path: pathlib.Path, size: int) -> bytes:
    """Return what a file, perhaps compressed, begins with.

    Raises:
      DataError: what is compressed is damaged.
    """
    if path.suffix.lower() != ".gz":
        with path.open("rb") as file:
            return file.read(size)
    try:
        with gzip.open(path) as file:
            return file.read(size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise errors.DataError(_damage(path, str(error))) from error


def _damage(path: pathlib.Path, reason: str) -> str:
    return (
        f"{path} is not the IDX file that its name tells ({reason}): replace it by a "
        "good copy"
    )
