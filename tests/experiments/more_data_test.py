"""The halves of the data are disjoint and measured alike."""

import numpy as np

from experiments import more_data
from lec7 import data


def test_the_halves_are_disjoint_and_measured_alike():
    images = np.arange(14.0).reshape(7, 2, 1, 1).astype("float32")
    split = data.Split(images, np.arange(7) % 3)
    for most, rows in ((9, range(7)), (2, [0, 1, 3, 4])):
        parts = more_data._parts(split, 3, most)
        whole, half = parts[more_data.ALL], parts[more_data.HALF]
        np.testing.assert_array_equal(whole.images, images[list(rows)])
        np.testing.assert_array_equal(half.images, images[:3][:most])
