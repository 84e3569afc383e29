"""Images that stay on the disk are used as those in memory are, and are the same."""

import jax
import numpy as np
import pytest

from lec7 import data
from lec7.data import disk


@pytest.fixture(scope="module")
def memory(folder):
    return data.load("digits", data_dir=folder)


@pytest.fixture(scope="module")
def stored(folder):
    return data.load("digits", data_dir=folder, memory_limit=0)


def splits_of(*sets):
    for name in ("train", "validation", "test"):
        yield [getattr(dataset, name) for dataset in sets]


def test_a_set_above_the_limit_stays_on_the_disk_and_is_the_same(memory, stored):
    data.check_dataset(stored)
    for expected, found in splits_of(memory, stored):
        assert isinstance(found.images, data.DiskImages)
        for name in ("shape", "ndim", "dtype", "size", "nbytes"):
            assert getattr(found.images, name) == getattr(expected.images, name)
        assert len(found.images) == len(expected.images)
        np.testing.assert_array_equal(np.asarray(found.images), expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.labels.dtype == expected.labels.dtype


def test_the_smallest_splits_are_in_memory_as_far_as_they_fit(folder, memory):
    limit = memory.test.images.nbytes + memory.validation.images.nbytes
    for given, kept in [(limit, {"train"}), (limit - 1, {"train", "test"})]:
        dataset = data.load("digits", data_dir=folder, memory_limit=given)
        found = {
            name
            for name in ("train", "validation", "test")
            if isinstance(getattr(dataset, name).images, data.DiskImages)
        }
        assert found == kept or len(memory.test.labels) == len(memory.validation.labels)
        assert len(found) == len(kept)


@pytest.mark.parametrize(
    "index",
    [
        slice(5, 60, 3),
        slice(None, -1),
        np.array([7, 0, 7]),
        np.array([[1, 2], [3, 4]]),
        5,
        -1,
        np.arange(1000) % 7 == 0,
    ],
    ids=["slice", "most", "some", "table", "one", "last", "mask"],
)
@pytest.mark.parametrize("limit", [0, disk.READ])
def test_what_is_indexed_is_what_memory_holds(
    memory, stored, index, limit, monkeypatch
):
    monkeypatch.setattr(disk, "READ", limit)
    images, expected = stored.train.images[:1000], memory.train.images[:1000]
    assert isinstance(images, np.ndarray) == (limit > 0)
    np.testing.assert_array_equal(np.asarray(images[index]), expected[index])


def test_an_index_that_is_out_of_range_is_refused(stored):
    for index in (10**6, np.array([10**6])):
        with pytest.raises(IndexError):
            stored.train.images[index]


def test_a_standardised_set_is_the_same_to_the_bit(memory, stored):
    expected, found = map(data.standardise, (memory, stored))
    for one, other in splits_of(expected, found):
        assert isinstance(other.images, data.DiskImages)
        np.testing.assert_array_equal(np.asarray(other.images), one.images)
        pixels = other.images.bytes(np.arange(10, 20))
        assert pixels.dtype == np.uint8
        on_device = jax.jit(other.images.decode)(pixels)
        np.testing.assert_array_equal(on_device, one.images[10:20])


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images - images,
        lambda images: images - np.zeros((8, 8, 1), np.float32),
        lambda images: np.add.reduce(images),
        lambda images: images @ np.ones((1, 1)),
    ],
    ids=["images", "pixels", "sum", "product"],
)
def test_what_is_not_of_single_pixels_is_refused(stored, change):
    with pytest.raises(TypeError, match="expected a function of single pixels"):
        change(stored.test.images)


def test_channels_have_tables_of_their_own():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 3, 2, 3), dtype=np.uint8)
    images = disk.DiskImages(
        lambda numbers: pixels[numbers],
        numbers=np.arange(300),
        table=disk.plain_table(3, 2, 3),
        image_shape=(3, 2, 3),
        records="random",
    )
    plain = np.float32(pixels) / 255
    for found, expected in zip(
        data.channel_moments(images), data.channel_moments(plain), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    scale = np.float32([0.3, 2.0, 7.0])
    changed = np.maximum(images / scale - 1, -0.5)
    np.testing.assert_array_equal(
        np.asarray(changed), np.maximum(plain / scale - 1, np.float32(-0.5))
    )
    assert images.digest != changed.digest


def test_batches_for_an_evaluation_are_read_whenever_they_are_walked(memory, stored):
    expected, found = (data.chunks(part.train, 100) for part in (memory, stored))
    assert len(found) == len(expected)
    for _ in range(2):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(other.images, one.images)
            np.testing.assert_array_equal(other.labels, one.labels)
    np.testing.assert_array_equal(found[-1].images, expected[-1].images)


def test_images_that_do_not_fit_a_network_are_not_made_to_from_the_disk(stored):
    assert data.fit_images(stored, (8, 8, 1)) is stored
    with pytest.raises(data.DataError, match="too many for memory; expected .16, 16"):
        data.fit_images(stored, (16, 16, 1))


def test_elements_come_in_their_order_and_an_error_with_them():
    def element(number):
        if number == 9:
            raise ValueError("nine")
        return number

    found = disk.read_ahead(element, 20, size=1, start=3)
    assert [next(found) for _ in range(6)] == list(range(3, 9))
    with pytest.raises(ValueError, match="nine"):
        next(found)
