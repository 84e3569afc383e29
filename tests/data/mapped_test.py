"""Bytes that are not compressed, and too many for memory, are read where they lie."""

import numpy as np
import pytest

from lec7 import data
from lec7.data import disk
from tests.data import idx_test

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 3), dtype=np.uint8)
LABELS = np.arange(30) % 3


@pytest.fixture(autouse=True)
def parts_of_a_few_images_stay_on_the_disk(monkeypatch):
    monkeypatch.setattr(disk, "READ", 300)


def idx(folder, limit):
    return data.load(str(idx_test.write(folder / "idx")), memory_limit=limit)


def npz(folder, limit, how=np.savez):
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}
    how(folder / "mine.npz", **arrays)
    return data.load(str(folder / "mine.npz"), memory_limit=limit)


def arrays(folder, limit):
    np.save(folder / "x.npy", IMAGES)
    images = np.load(folder / "x.npy", mmap_mode="r")
    return data.from_arrays((images, LABELS), memory_limit=limit)


@pytest.mark.parametrize("read", [idx, npz, arrays])
def test_images_on_the_disk_are_those_that_memory_would_hold(tmp_path, read):
    expected, found = (
        data.standardise(read(tmp_path, limit)) for limit in (2**30, 4000)
    )
    for split in ("train", "validation", "test"):
        held, kept = getattr(expected, split), getattr(found, split)
        # The mean and the deviation are sums of other numbers, or in another order.
        np.testing.assert_allclose(np.asarray(kept.images), held.images, atol=1e-5)
        np.testing.assert_array_equal(kept.labels, held.labels)
    assert isinstance(found.train.images, data.DiskImages)


def test_other_bytes_are_another_data_set(tmp_path):
    first = npz(tmp_path, 4000).train.images.digest
    assert npz(tmp_path, 4000).train.images.digest == first
    IMAGES[3, 1, 1] ^= 1
    changed = npz(tmp_path, 4000).train.images.digest
    IMAGES[3, 1, 1] ^= 1
    assert changed != first


def test_what_is_compressed_or_no_bytes_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(data.DataError, match="bytes that are not compressed"):
        npz(tmp_path, 4000, np.savez_compressed)
    numbers = np.memmap(tmp_path / "x", np.float32, "w+", shape=(30, 4, 5, 3))
    with pytest.raises(data.DataError, match="bytes that are not compressed"):
        data.from_arrays((numbers, LABELS), memory_limit=4000)


def test_a_flipped_bit_of_an_npz_on_the_disk_is_found(tmp_path):
    npz(tmp_path, 2**30)
    path = tmp_path / "mine.npz"
    content = bytearray(path.read_bytes())
    content[600] ^= 1
    path.write_bytes(content)
    with pytest.raises(data.DataError, match="is no good .npz"):
        data.load(str(path), memory_limit=4000)
