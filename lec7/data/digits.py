"""Handwritten digits, 8 x 8, that need no network: a TFDS builder.

The 1,797 images of 13 writers ship inside scikit-learn. Their grey levels 0 .. 16
become bytes by round(255 v / 16). One fixed permutation, stratified by class, deals
them to train (1,024), validation (256) and test (517).
"""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

SIZES = {"train": 1024, "validation": 256, "test": 517}


class Digits(tfds.core.GeneratorBasedBuilder):
    """1,797 handwritten digits; `row` is the place in scikit-learn's arrays."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(
                        shape=(8, 8, 1), dtype=np.uint8, encoding="bytes"
                    ),
                    "label": tfds.features.ClassLabel(num_classes=10),
                    "row": tfds.features.Scalar(dtype=np.int32),
                }
            ),
            supervised_keys=("image", "label"),
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
        rows = split_rows(source.target)
        return {
            name: self._generate_examples(images, source.target, rows[name])
            for name in SIZES
        }

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray
    ) -> Iterator[tuple[int, dict]]:
        for row in rows.tolist():
            yield row, {"image": images[row], "label": labels[row], "row": row}


def split_rows(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows of each split, each class in proportion, of labels [1797].

    The rows are permuted, then sorted by class, and dealt in a pattern that spreads the
    places of each split evenly: its k-th place, of n, lies at (k + 1/2) / n.
    """
    # RandomState, because NumPy keeps its shuffles as they are for ever.
    order = np.random.RandomState(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    places = np.concatenate([(np.arange(n) + 0.5) / n for n in SIZES.values()])
    owners = np.repeat(list(SIZES), list(SIZES.values()))
    owners = owners[np.argsort(places, kind="stable")]
    return {name: order[owners == name] for name in SIZES}
