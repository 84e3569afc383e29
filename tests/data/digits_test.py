import tempfile

import numpy as np
import pytest
from sklearn import datasets

from lec7 import data
from lec7.data import preparation

SIZES = {"train": 1024, "validation": 256, "test": 517}


@pytest.fixture(scope="module")
def examples(folder):
    builder = preparation.prepared("digits", data_dir=folder)
    return {split: list(builder.as_data_source(split)) for split in SIZES}


def test_every_digit_of_scikit_learn_is_in_one_split(examples):
    rows = [example["row"] for split in SIZES for example in examples[split]]
    np.testing.assert_array_equal(np.sort(rows), np.arange(1797))
    assert {split: len(examples[split]) for split in SIZES} == SIZES


def test_records_are_the_digits_of_scikit_learn(examples):
    source = datasets.load_digits()
    for example in (example for split in SIZES for example in examples[split]):
        levels, pixels = source.images[example["row"]], example["image"][..., 0]
        np.testing.assert_array_equal(pixels, np.rint(levels * 255 / 16))
        np.testing.assert_array_equal(levels, np.rint(pixels / 255 * 16))
        assert example["label"] == source.target[example["row"]]


def test_classes_are_in_proportion_in_every_split(examples):
    whole = np.bincount(datasets.load_digits().target)
    for split, size in SIZES.items():
        counts = np.bincount([example["label"] for example in examples[split]])
        assert np.abs(counts - whole * size / 1797).max() < 1.5


def test_load_returns_the_records_in_their_order(folder, examples):
    dataset = data.load("digits", data_dir=folder)
    assert (dataset.name, dataset.num_classes) == ("digits", 10)
    for split in SIZES:
        loaded = getattr(dataset, split)
        images = np.stack([example["image"] for example in examples[split]])
        np.testing.assert_array_equal(loaded.images, np.float32(images) / 255)
        np.testing.assert_array_equal(
            loaded.labels, [example["label"] for example in examples[split]]
        )
        assert loaded.images.dtype == np.float32
        assert loaded.labels.dtype == np.int32


def test_the_order_of_the_records_is_mixed(examples):
    labels = np.array([example["label"] for example in examples["train"]])
    assert np.mean(labels[1:] == labels[:-1]) < 0.2


def test_nothing_is_left_in_the_folder_of_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    preparation.prepared("digits", data_dir=tmp_path / "data")
    assert not list((tmp_path / "temporary").iterdir())
