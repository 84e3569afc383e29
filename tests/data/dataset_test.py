import jax
import numpy as np
import pytest

from lec7 import data


def dataset():
    draw = np.random.default_rng(0)

    def split(count):
        images = draw.uniform(size=(count, 4, 5, 3)).astype(np.float32)
        images[..., 1] = 0.25
        return data.Split(images, np.arange(count, dtype=np.int32) % 10)

    return data.Dataset("noise", 10, split(50), split(20), split(30))


def test_standardised_channels_have_mean_zero_and_variance_one_on_train():
    images = data.standardise(dataset()).train.images
    varying = images[..., [0, 2]].astype(np.float64)
    np.testing.assert_allclose(varying.mean((0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(varying.var((0, 1, 2)), 1, atol=1e-5)


def test_a_constant_channel_becomes_zero():
    assert not data.standardise(dataset()).train.images[..., 1].any()


def test_all_splits_are_moved_by_the_numbers_of_train():
    before, after = dataset(), data.standardise(dataset())
    pixels = before.train.images[..., 0].astype(np.float64)
    expected = (before.test.images[..., 0] - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(after.test.images[..., 0], expected, atol=1e-5)
    assert after.test.images.dtype == np.float32
    assert after.test.labels is not None


def test_standardise_leaves_its_argument_alone():
    before = dataset()
    data.standardise(before)
    np.testing.assert_array_equal(before.train.images, dataset().train.images)


def test_a_split_is_indexed_as_a_pytree():
    split = dataset().train
    batch = jax.tree.map(lambda leaf: leaf[[3, 1]], split)
    np.testing.assert_array_equal(batch.labels, [3, 1])
    np.testing.assert_array_equal(batch.images, split.images[[3, 1]])


def test_images_are_standardised_by_the_moments_of_other_data():
    before = dataset()
    mean, std = [1.0, 2.0, 0.5], [2.0, 4.0, 0.1]
    found = data.standardise(before, (mean, std)).test.images
    expected = (before.test.images - np.float32(mean)) / np.float32(std)
    np.testing.assert_array_equal(found, expected)


def test_what_would_be_lost_or_spread_is_refused():
    images, labels = np.ones((4, 2, 2, 3), np.float32), np.zeros(3, np.int32)
    with pytest.raises(ValueError, match="split has 4 images and 3 labels"):
        data.chunks(data.Split(images, labels), 2)
    with pytest.raises(ValueError, match="size is 0"):
        data.chunks(data.Split(images, labels), 0)
    for wrong in (images[:0], images * np.nan):
        with pytest.raises(ValueError, match="are empty or not finite"):
            data.channel_moments(wrong)
    whole = data.Dataset("mine", 2, data.Split(images[:3], labels))
    with pytest.raises(ValueError, match=r"the shape of mean is \(1,\); expected \(3,"):
        data.standardise(whole, ([0.5], [1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="std is .* expected a number > 0"):
        data.standardise(whole, ([0.5] * 3, [1.0, 0.0, 1.0]))


@pytest.mark.parametrize("shape", [(40, 7), (40, 6, 7), (40, 5, 6, 7)])
def test_moments_are_over_all_axes_but_the_last(shape):
    values = np.random.default_rng(1).normal(3, 2, shape).astype(np.float32)
    mean, std = data.channel_moments(values)
    rows = values.reshape(-1, 7).astype(np.float64)
    np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(std, rows.std(0), rtol=1e-6)
