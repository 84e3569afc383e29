"""MNIST-1D, signals of 40 points in ten classes, drawn by a package: a TFDS builder.

The package, its authors' own, draws the 5,000 signals from templates of the ten
numerals, which it pads, scales, moves, shears and covers with noise. The split of 4,000
to train and 1,000 to test, the order, and the scaling to mean 0 and deviation 1 are the
package's too. The signals are those that the authors publish, to 1e-15.

References:
  Greydanus and Kobak 2024, Scaling Down Deep Learning with MNIST-1D, arXiv:2011.14439.
"""

import contextlib
import random
from collections.abc import Generator, Iterator

import numpy as np
import tensorflow_datasets as tfds

from lec7.data import packaged


class Mnist1d(tfds.core.GeneratorBasedBuilder):
    """5,000 signals; `row` is the place in the package's arrays of the split."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return packaged.info(
            self,
            (40, 1),
            np.float32,
            description=__doc__,
            disable_shuffling=True,
            homepage="https://github.com/greydanus/mnist1d",
            citation=(
                "Greydanus, S. and Kobak, D. (2024). Scaling Down Deep Learning with "
                "MNIST-1D. ICML. arXiv:2011.14439"
            ),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager
        package = packaged.require("mnist1d.data", "mnist1d")
        with _global_state_kept():  # the package seeds the generators of all
            made = package.make_dataset()
        return {
            "train": self._generate_examples(made["x"], made["y"]),
            "test": self._generate_examples(made["x_test"], made["y_test"]),
        }

    def _generate_examples(
        self, signals: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[int, dict]]:
        images = np.float32(signals)[..., None]
        return packaged.examples(images, labels, np.arange(len(labels)))


@contextlib.contextmanager
def _global_state_kept() -> Generator[None, None, None]:
    """Put the generators of Python and NumPy back when done."""
    kept = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
