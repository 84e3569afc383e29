import subprocess
import sys
import types

import numpy as np
import pytest

from lec7 import data
from lec7.data import records


def with_splits(**sizes):
    """A builder of which only the splits exist."""
    splits = {
        name: types.SimpleNamespace(num_examples=size) for name, size in sizes.items()
    }
    info = types.SimpleNamespace(splits=splits, full_name="some/1.0.0")
    return types.SimpleNamespace(info=info)


@pytest.mark.parametrize(
    ("sizes", "train", "validation", "test"),
    [
        (
            {"train": 50, "validation": 7, "test": 9, "extra": 3},
            ("train", 0, 50),
            ("validation", 0, 7),
            ("test", 0, 9),
        ),
        (
            {"train": 59, "test": 9},
            ("train", 0, 54),
            ("train", 54, 59),
            ("test", 0, 9),
        ),
        (
            {"train": 50, "validation": 7},
            ("train", 0, 45),
            ("train", 45, 50),
            ("validation", 0, 7),
        ),
        (
            {"train": 100},
            ("train", 0, 81),
            ("train", 81, 90),
            ("train", 90, 100),
        ),
    ],
)
def test_splits_that_a_set_lacks_are_held_out(sizes, train, validation, test):
    rows = records.divide(with_splits(**sizes))
    found = {
        role: (part.split, part.numbers.start, part.numbers.stop)
        for role, part in rows.items()
    }
    assert found == {"train": train, "validation": validation, "test": test}


def test_a_set_without_train_is_refused():
    with pytest.raises(data.DataError, match=r"has the splits \['test'\]; expected"):
        records.divide(with_splits(test=5))


@pytest.fixture
def cifar10(prepare_stock, png):
    """Images whose pixels say which they are, and their folder."""

    def examples(seed, count, label):
        draw = np.random.default_rng(seed)
        for i in range(count):
            pixels = draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            pixels[0, 0, 0] = i
            yield i, {"id": str(i), "image": png(pixels), "label": label(i)}

    def prepare(label=lambda i: i % 10):
        splits = {
            "train": examples(0, 60, lambda i: i % 10),
            "test": examples(1, 20, label),
        }
        return prepare_stock("cifar10", splits)

    return prepare


@pytest.mark.parametrize("name", ["cifar10", "cifar10:3.*.*", "cifar10:3.0.2"])
def test_a_stock_set_is_read_exactly(cifar10, name):
    dataset = data.load(name, data_dir=cifar10())
    assert [len(part.labels) for part in (dataset.train, dataset.validation)] == [54, 6]
    images = np.concatenate([dataset.train.images, dataset.validation.images])
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels])
    numbers = np.rint(images[:, 0, 0, 0] * 255).astype(int)
    np.testing.assert_array_equal(np.sort(numbers), np.arange(60))
    np.testing.assert_array_equal(labels, numbers % 10)
    draw = np.random.default_rng(0)
    pixels = np.stack(
        [draw.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(60)]
    )
    pixels[:, 0, 0, 0] = np.arange(60)
    np.testing.assert_array_equal(images, np.float32(pixels[numbers]) / 255)


def test_a_label_that_is_missing_is_found_at_load(cifar10):
    with pytest.raises(
        data.DataError,
        match=r"cifar10 test labels\[\d+\] is -1; expected a class from 0 to 9",
    ):
        data.load("cifar10", data_dir=cifar10(lambda i: -1 if i == 3 else i % 10))


def test_a_set_that_exceeds_the_limit_is_refused_before_it_is_read(folder, monkeypatch):
    monkeypatch.setattr("lec7.data.sources._read", None)
    size = 1797 * 8 * 8 * 4
    with pytest.raises(data.DataError, match="digits.*take 0.00 GiB.*lec7.data.stream"):
        data.load("digits", data_dir=folder, memory_limit=size - 1)


def test_a_set_that_just_fits_is_read(folder):
    size = 1797 * 8 * 8 * 4
    dataset = data.load("digits", data_dir=folder, memory_limit=size)
    parts = (dataset.train, dataset.validation, dataset.test)
    assert sum(part.images.nbytes for part in parts) == size


def test_what_is_no_image_classification_is_refused(prepare_stock):
    examples = ((i, {"text": "good", "label": 1}) for i in range(3))
    folder = prepare_stock("imdb_reviews", {"train": examples})
    with pytest.raises(data.DataError, match="is not one for image classification"):
        data.load("imdb_reviews", data_dir=folder)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, lec7.data; "
        "heavy = {'tensorflow_datasets', 'sklearn', 'matplotlib', 'grain', 'jax'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
