"""Which data sets there are, by the names that TFDS gives them."""

from __future__ import annotations

import difflib
import pathlib
import typing

from lec7.data import errors

if typing.TYPE_CHECKING:
    import tensorflow_datasets as tfds


def own_builders() -> tuple[type[tfds.core.DatasetBuilder], ...]:
    """Return the builders that need no network; TFDS knows them from now on."""
    from lec7.data import digits, glyphs, mnist1d, mnist5k

    return digits.Digits, glyphs.Glyphs, mnist1d.Mnist1d, mnist5k.Mnist5k


def find(name: str, folder: pathlib.Path) -> tfds.core.DatasetBuilder:
    """Return the builder of a data set of ours or of TFDS, prepared or not.

    Raises:
      DataError: the description beside the records cannot be read.
      UnknownDatasetError: there is no such data set, config or version, or the name
        is a path or of another collection than TFDS's own.
    """
    import tensorflow_datasets as tfds
    from google.protobuf import json_format

    own_builders()
    _require_name(name)
    try:
        return tfds.builder(name, data_dir=folder)
    except (json_format.ParseError, RuntimeError) as error:
        path = folder / name.partition(":")[0]
        raise errors.DataError(errors.damage(path, error)) from error
    except (AssertionError, ImportError, TypeError, ValueError) as error:
        raise errors.UnknownDatasetError(
            f"There is no data set {name!r}; the nearest match is {nearest(name)!r}"
        ) from error


def _require_name(name: str) -> None:
    """Check that a name is one of those that TFDS itself gives.

    Raises:
      UnknownDatasetError: it is none, a path, or of another collection.
    """
    plain = isinstance(name, str) and name.strip() and "\\" not in name
    parts = name.partition(":")[2].split(".") if plain else []
    version = parts == [] or all(part == "*" or part.isdecimal() for part in parts)
    if plain and not name.startswith(("/", ".", "~")) and (":" not in name or version):
        return
    raise errors.UnknownDatasetError(
        f"{name!r} is no name of a data set; expected one of TFDS's own, such as "
        "'digits', 'cifar10' or 'mnist:3.*.*', or, to be loaded as arrays, a path. "
        "Those of Hugging Face and of other collections are not fetched: give their "
        "examples to lec7.data.from_iterable, or prepare them by a TFDS builder"
    )


def is_known(name: str) -> bool:
    """Return whether the name, without config and version, is one of TFDS's or ours."""
    import tensorflow_datasets as tfds

    own_builders()
    stem = name.partition(":")[0].partition("/")[0]
    return stem in tfds.list_builders(with_community_datasets=False)


def nearest(name: str) -> str:
    """Return the name that exists and is most like another, with its config."""
    import tensorflow_datasets as tfds

    own_builders()
    stem, _, rest = name.lower().partition(":")[0].partition("/")
    stem = _closest(stem, tfds.list_builders(with_community_datasets=False))
    configs = list(tfds.builder_cls(stem).builder_configs)
    return f"{stem}/{_closest(rest, configs)}" if rest and configs else stem


def _closest(word: str, words: list[str]) -> str:
    return difflib.get_close_matches(word, words, n=1, cutoff=0)[0]
