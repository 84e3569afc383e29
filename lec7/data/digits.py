"""Handwritten digits, 8 x 8, that need no network: a TFDS builder.

The 1,797 images of 13 writers ship inside scikit-learn. Their grey levels 0 .. 16
become bytes by round(255 v / 16). One fixed permutation, stratified by class, deals
them to train (1,024), validation (256) and test (517).
"""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from lec7.data import packaged

SIZES = {"train": 1024, "validation": 256, "test": 517}


class Digits(tfds.core.GeneratorBasedBuilder):
    """1,797 handwritten digits; `row` is the place in scikit-learn's arrays."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return packaged.info(
            self,
            (8, 8, 1),
            np.uint8,
            description=__doc__,
            homepage="https://archive.ics.uci.edu/dataset/80",
            citation=(
                "Alpaydin, E. and Kaynak, C. (1998). Optical Recognition of "
                "Handwritten Digits. UCI Machine Learning Repository. "
                "https://doi.org/10.24432/C50P49"
            ),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        from sklearn import datasets

        del dl_manager
        source = datasets.load_digits()
        images = np.rint(source.images * 255 / 16).astype(np.uint8)[..., None]
        rows = packaged.stratified(source.target, SIZES)
        return {
            name: self._generate_examples(images, source.target, rows[name])
            for name in SIZES
        }

    def _generate_examples(self, *arrays: np.ndarray) -> Iterator[tuple[int, dict]]:
        return packaged.examples(*arrays)
