"""Images as Pillow has them -> bytes [H, W, C], and folders of them, one a class."""

from __future__ import annotations

import contextlib
import math
import pathlib
import typing
from collections.abc import Generator, Sequence

import numpy as np

from lec7 import arguments
from lec7.data import dataset as datasets
from lec7.data import disk, errors, records

if typing.TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
JUNK = ("thumbs.db", "desktop.ini")
MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}
"""Pillow's mode of an image -> the mode in which it is read."""


class Picture(typing.NamedTuple):
    """An image file and what its head says."""

    path: pathlib.Path
    label: int
    shape: tuple[int, int, int]
    """(H, W, C)."""


def require_size(image_size: tuple[int, int] | None) -> None:
    """Check a size to which images are scaled, unless there is none.

    Raises:
      ValueError: it is no pair of counts.
    """
    if image_size is not None:
        pair = isinstance(image_size, tuple | list) and len(image_size) == 2
        arguments.require(pair, "image_size", image_size, "a pair (H, W)")
        arguments.require_counts(height=image_size[0], width=image_size[1])


def pixels(
    image: Image.Image, name: str, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Return an image as bytes [H, W, C], upright, of its own size or scaled to one.

    Raises:
      DataError: it is neither grey nor colour of 8 bits a channel.
    """
    from PIL import ImageOps

    mode = _mode(image, name)
    upright = np.asarray(ImageOps.exif_transpose(image).convert(mode))
    upright = upright.reshape(*upright.shape[:2], -1)
    return upright if size is None else cover(upright, size)


def cover(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return bytes [H, W, C] scaled to cover a size, of which the centre is cut out."""
    from PIL import Image, ImageOps

    height, width = size
    channels = pixels.shape[-1]
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(fitted).reshape(height, width, channels)


def _mode(image: Image.Image, name: str) -> str:
    if image.mode not in MODES:
        raise errors.DataError(
            f"{name} has Pillow's mode {image.mode}; expected grey or colour of 8 bits "
            f"a channel ({', '.join(MODES)}): convert it first"
        )
    return MODES[image.mode]


def read_classes(
    folder: pathlib.Path, size: tuple[int, int] | None, memory_limit: int
) -> dict[str, datasets.Split]:
    """Return the images of FOLDER/CLASS or FOLDER/SPLIT/CLASS, as bytes.

    Classes are numbered in the order of their names, or of their numbers if all are
    numbers. Images that take more memory as float32 stay on the disk.

    Raises:
      DataError: a folder or an image is not as expected.
    """
    parts = {"train": folder}
    if (folder / "train").is_dir():
        names = {path.name: path for path in _visible(folder) if path.is_dir()}
        parts = {s: path for s, path in names.items() if s in records.SPLITS}
    classes = _classes(parts["train"])
    found = {split: _survey(path, classes) for split, path in parts.items()}
    shape = _common_shape(sum(found.values(), []), size)
    one, count = 4 * math.prod(shape), sum(map(len, found.values()))
    held = one * count <= memory_limit
    if not held and one > disk.READ:
        raise errors.DataError(
            f"The images of {folder} take {one * count / 2**30:.2f} GiB as float32, "
            f"{one / 2**20:.0f} MiB each; expected at most {memory_limit / 2**30:.2f} "
            f"GiB, or {disk.READ / 2**20:.0f} MiB each to be read from the disk: give "
            "a smaller size, as in FOLDER:64x64"
        )
    read = _read if held else _keep
    return {split: read(pictures, shape, size) for split, pictures in found.items()}


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    """Return what is in a folder, in order, without what systems hide there."""
    inside = sorted(folder.iterdir())
    return [p for p in inside if p.name[0] != "." and p.name.lower() not in JUNK]


def _classes(folder: pathlib.Path) -> list[str]:
    names = [path.name for path in _visible(folder) if path.is_dir()]
    if len(names) < 2:
        raise errors.DataError(
            f"{folder} has the folders {names}; expected one of images for each class, "
            "two or more, or IDX files such as train-images-idx3-ubyte.gz"
        )
    return sorted(names, key=int) if all(map(str.isdecimal, names)) else names


def _survey(folder: pathlib.Path, classes: Sequence[str]) -> list[Picture]:
    """Return the images of a split, of which only the heads are read.

    Raises:
      DataError: a class is unknown or empty, or a file is no image.
    """
    others = {path.name for path in _visible(folder) if path.is_dir()} - {*classes}
    if others:
        raise errors.DataError(
            f"{folder} has the class {min(others)!r}; expected classes that train has: "
            f"{', '.join(classes)}"
        )
    found = []
    for label, name in enumerate(classes):
        paths = _visible(folder / name) if (folder / name).is_dir() else []
        if not paths:
            raise errors.DataError(
                f"{folder / name} has no image; expected at least one of each class"
            )
        found += [Picture(path, label, _shape(path)) for path in paths]
    return found


def _shape(path: pathlib.Path) -> tuple[int, int, int]:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        raise errors.DataError(
            f"{path} is no image; expected files {', '.join(SUFFIXES)} alone in the "
            "folder of a class: move it elsewhere"
        )
    with _opened(path) as image:
        channels = len(_mode(image, str(path)))
        turned = image.getexif().get(0x0112, 1) >= 5  # Orientation
        width, height = image.size[::-1] if turned else image.size
    return height, width, channels


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Generator[Image.Image, None, None]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except errors.DataError:
        raise
    except Exception as error:  # of any class, where a file is damaged
        raise errors.DataError(
            f"{path} cannot be read as an image ({error}): replace it or take it away"
        ) from error


def _common_shape(
    pictures: Sequence[Picture], size: tuple[int, int] | None
) -> tuple[int, int, int]:
    """Return (H, W, C) of all images.

    Raises:
      DataError: they differ, and a size would not help or is not given.
    """
    first = pictures[0]
    for other in pictures:
        if other.shape[-1] != first.shape[-1]:
            grey, colour = sorted((first, other), key=lambda picture: picture.shape[-1])
            raise errors.DataError(
                f"{grey.path} is grey and {colour.path} is in colour; expected all to "
                "be the same: convert some"
            )
        if size is None and other.shape != first.shape:
            raise errors.DataError(
                f"{first.path} has {first.shape[0]}x{first.shape[1]} pixels and "
                f"{other.path} {other.shape[0]}x{other.shape[1]}; expected one size: "
                "give that to which all are scaled, as in FOLDER:32x32"
            )
    return (*(size or first.shape[:2]), first.shape[-1])


def _read(
    pictures: Sequence[Picture],
    shape: tuple[int, int, int],
    size: tuple[int, int] | None,
) -> datasets.Split:
    images = np.empty((len(pictures), *shape), np.uint8)
    for row, picture in zip(images, pictures, strict=True):
        with _opened(picture.path) as image:
            row[:] = pixels(image, str(picture.path), size)
    return datasets.Split(images, np.array([p.label for p in pictures], np.int32))


def _keep(
    pictures: Sequence[Picture],
    shape: tuple[int, int, int],
    size: tuple[int, int] | None,
) -> datasets.Split:
    """Return a split whose images are read whenever they are needed."""
    labels = np.array([picture.label for picture in pictures], np.int32)
    files = [(p.path.name, p.label, p.path.stat().st_size) for p in pictures]
    images = disk.DiskImages(
        lambda numbers: _read([pictures[n] for n in numbers], shape, size).images,
        numbers=np.arange(len(pictures)),
        table=disk.plain_table(*shape),
        image_shape=shape,
        records=str(files),
    )
    return datasets.Split(images, labels)
