"""Images take the shape that a network asks for, and keep what they show."""

import numpy as np
import pytest

from lec7 import data


def constant_images(shape, values):
    images = np.broadcast_to(np.float32(values), (3, *shape)).copy()
    split = data.Split(images, np.arange(3))
    return data.Dataset("constant", 3, split, split, split)


@pytest.mark.parametrize(
    "shape", [(16, 16, 1), (16, 12, 3), (5, 5, 3), (8, 8, 1), (16, 1), (5, 3)]
)
def test_images_take_the_shape_asked_for_and_keep_their_level(shape):
    dataset = constant_images((*(8, 8)[: len(shape) - 1], 1), 0.25)
    found = data.fit_images(dataset, shape)
    for images, labels in (found.train, found.validation, found.test):
        assert images.shape == (3, *shape)
        np.testing.assert_allclose(images, 0.25, rtol=1e-6)
        np.testing.assert_array_equal(labels, np.arange(3))


def test_twice_as_large_a_ramp_is_still_a_ramp():
    ramp = np.arange(8)[:, None, None] * np.ones((8, 8, 1))
    found = data.fit_images(constant_images((8, 8, 1), ramp), (16, 16, 1))
    expected = np.clip(np.arange(16) / 2 - 0.25, 0, 7)
    np.testing.assert_allclose(found.train.images[0, :, 3, 0], expected, atol=1e-5)


def test_colour_becomes_grey_by_the_mean_and_nothing_else_fits():
    dataset = constant_images((4, 4, 3), [0.0, 0.3, 0.6])
    found = data.fit_images(dataset, (4, 4, 1))
    np.testing.assert_allclose(found.train.images, 0.3, rtol=1e-6)
    with pytest.raises(data.DataError, match="3 channels; expected 1 or 2"):
        data.fit_images(dataset, (4, 4, 2))
    with pytest.raises(data.DataError, match=r"shape \[4, 4, 3\]; .* \[4, 3\]"):
        data.fit_images(dataset, (4, 3))
