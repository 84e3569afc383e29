"""What the builders of data that ship inside Python packages share."""

from __future__ import annotations

import importlib
import types
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds
from numpy.typing import DTypeLike

from lec7.data import errors


def info(
    builder: tfds.core.DatasetBuilder, shape: Sequence[int], dtype: DTypeLike, **rest
) -> tfds.core.DatasetInfo:
    """Return what says that an example is an input, one of ten classes, and a row."""
    tensor = tfds.features.Tensor(shape=tuple(shape), dtype=dtype, encoding="bytes")
    features = {
        "image": tensor,
        "label": tfds.features.ClassLabel(num_classes=10),
        "row": tfds.features.Scalar(dtype=np.int32),
    }
    found = tfds.core.DatasetInfo(
        builder=builder,
        features=tfds.features.FeaturesDict(features),
        supervised_keys=("image", "label"),
        **rest,
    )
    # No server knows our data sets, and each request leaves an empty folder in /tmp.
    found.initialize_from_bucket = lambda: None
    return found


def examples(
    images: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> Iterator[tuple[int, dict]]:
    """Yield the examples of some rows of the package's own arrays."""
    for row in rows.tolist():
        yield row, {"image": images[row], "label": labels[row], "row": row}


def require(module: str, dataset: str) -> types.ModuleType:
    """Return an imported module of the package that a data set comes with.

    Raises:
      DataError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise errors.DataError(
            f"The data set {dataset!r} comes with the package {package}, which "
            f"cannot be imported ({error}): run `pip install {package}` and run again"
        ) from error


def stratified(labels: np.ndarray, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return the rows of each split, each class in proportion, of labels [N].

    The rows are permuted, then sorted by class, and dealt in a pattern that spreads the
    places of each split evenly: its k-th place, of n, lies at (k + 1/2) / n.
    """
    # RandomState, because NumPy keeps its shuffles as they are for ever.
    order = np.random.RandomState(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    places = np.concatenate([(np.arange(n) + 0.5) / n for n in sizes.values()])
    owners = np.repeat(list(sizes), list(sizes.values()))
    owners = owners[np.argsort(places, kind="stable")]
    return {name: order[owners == name] for name in sizes}
