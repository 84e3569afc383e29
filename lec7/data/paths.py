"""Data sets of the reader's own, by path.

`x.npz` holds arrays by Keras's names, `x_train`, `y_train`, `x_test`, `y_test`; a
folder holds IDX files (`idx.py`), or images, FOLDER/CLASS/... or FOLDER/SPLIT/CLASS/...
(`pictures.py`), which `FOLDER:32x32` scales.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re

from lec7.data import arrays, builders, errors, idx, npz, pictures, preparation
from lec7.data import dataset as datasets


def is_path(name: str) -> bool:
    """Return whether a data set is named by a path; one of TFDS's names is none."""
    if not isinstance(name, str) or not name.strip():
        return False
    path, _ = _parse(name)
    plain = str(path) if name[0] != "." else name
    if plain.startswith(("/", ".", "~")) or path.suffix.lower() == ".npz":
        return True
    return os.path.isdir(path) and not builders.is_known(plain)


def is_there(name: str) -> bool:
    """Return whether a path exists, or a data set of a name, prepared or not."""
    return _parse(name)[0].exists() if is_path(name) else builders.is_known(name)


def short_name(name: str) -> str:
    """Return a name of letters and digits: without config, or without folders.

    Example:
      >>> [short_name(name) for name in ("glyphs/grey28", "~/photos/my birds:32x32")]
      ['glyphs', 'my_birds']
    """
    if is_path(name):
        path = _parse(name)[0].resolve()
        last = path.stem if path.suffix.lower() == ".npz" else path.name
        return re.sub(r"\W+", "_", last)
    return name.partition("/")[0].partition(":")[0]


def digest(name: str) -> str | None:
    """Return the SHA-256 of the files of a path, or None for other names."""
    if not is_path(name):
        return None
    path, total = _parse(name)[0], hashlib.sha256()
    for file in [path, *sorted(path.rglob("*"))]:
        if file.is_file():
            total.update(f"{file.relative_to(path)}\0".encode())
            with file.open("rb") as content:
                total.update(hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()


def fashion_mnist(data_dir: str | os.PathLike | None) -> pathlib.Path | None:
    """Return the folder of Fashion-MNIST's IDX files, if there is one."""
    folder = preparation.data_folder(data_dir)
    places = (folder / "fashion_mnist", folder / "fashion-mnist", preparation.DEBIAN)
    return next((place for place in places if idx.find(place)), None)


def _parse(name: str) -> tuple[pathlib.Path, tuple[int, int] | None]:
    """Return the path and, of `FOLDER:32x32`, the size."""
    found = re.fullmatch(r"(.+):([1-9]\d*)x([1-9]\d*)", name, re.DOTALL)
    size = (int(found[2]), int(found[3])) if found else None
    return pathlib.Path(os.path.expanduser(found[1] if found else name)), size


def load_path(name: str, memory_limit: int) -> datasets.Dataset:
    """Return the data set that a path names, as `load` does.

    Raises:
      DataError: there is none, or it is not as expected.
    """
    path, size = _parse(name)
    if path.is_dir():
        return from_folder(path, image_size=size, name=name, memory_limit=memory_limit)
    if not path.is_file() or path.suffix.lower() != ".npz":
        found = "is no .npz" if path.is_file() else "does not exist"
        raise errors.DataError(
            f"{path} {found}; expected an .npz file with x_train and y_train, a folder "
            "of IDX files, or a folder with a folder of images for each class"
        )
    if size:
        raise errors.DataError(f"{name}: only a folder of images can be given a size")
    return arrays.assemble(npz.read(path, memory_limit), name, None, memory_limit)


def from_folder(
    folder: str | os.PathLike,
    *,
    image_size: tuple[int, int] | None = None,
    name: str | None = None,
    memory_limit: int = arrays.MEMORY_LIMIT,
) -> datasets.Dataset:
    """Return a folder of IDX files, or of images by class, as a data set.

    Images lie in FOLDER/CLASS, or FOLDER/SPLIT/CLASS by the names of splits that `load`
    knows. Classes are numbered in the order of their names, or of their numbers if all
    are numbers. Hidden files do not count.

    Args:
      folder: of the files.
      image_size: (H, W) to which images are scaled, so that they cover it and the
        centre is cut out; None needs images of one size.
      name: what messages call the data set; None is the folder.
      memory_limit: bytes that the inputs may take as float32, known before any is read;
        images by class, and bytes of IDX files that are not compressed, which take
        more stay on the disk, as `DiskImages`.

    Returns:
      As `from_arrays`.

    Raises:
      DataError: a file or a folder is not as expected, or as `from_arrays`.
    """
    pictures.require_size(image_size)
    path = pathlib.Path(os.path.expanduser(folder))
    if not path.is_dir():
        raise errors.DataError(
            f"{path} is no folder; expected one of images or IDX files"
        )
    if not idx.find(path):
        splits = pictures.read_classes(path, image_size, memory_limit)
    elif image_size is None:
        splits = idx.read_folder(path, memory_limit)
    else:
        raise errors.DataError(
            f"{path} holds IDX files, which cannot be given a size: leave it out"
        )
    return arrays.assemble(splits, name or str(path), None, memory_limit)
