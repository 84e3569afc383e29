import subprocess
import sys
import types

import numpy as np
import pytest

from lec7 import data, transfer
from lec7.data import preparation, records


def with_splits(**sizes):
    """A builder of which only the splits exist."""
    splits = {
        name: types.SimpleNamespace(num_examples=size) for name, size in sizes.items()
    }
    info = types.SimpleNamespace(splits=splits, full_name="some/1.0.0")
    return types.SimpleNamespace(info=info)


@pytest.mark.parametrize(
    ("sizes", "validation", "test"),
    [
        (
            {"train": 50, "validation": 7, "test": 9, "extra": 3},
            ("validation", 7),
            ("test", 9),
        ),
        ({"train": 50, "val": 7, "test": 9}, ("val", 7), ("test", 9)),
        ({"train": 50, "valid": 7, "test": 9}, ("valid", 7), ("test", 9)),
        ({"train": 50, "dev": 7, "test": 9}, ("dev", 7), ("test", 9)),
        ({"train": 59, "test": 9}, ("train", 5), ("test", 9)),
        ({"train": 59, "validation": 0, "test": 9}, ("train", 5), ("test", 9)),
        ({"train": 50, "validation": 7}, ("train", 5), ("validation", 7)),
        ({"train": 50, "dev": 7, "test": 0}, ("train", 5), ("dev", 7)),
        ({"train": 100}, ("train", 9), ("train", 10)),
        ({"train": 5}, ("train", 1), ("train", 1)),
    ],
)
def test_splits_that_a_set_lacks_are_held_out(sizes, validation, test):
    rows = records.divide(with_splits(**sizes))
    found = {role: (part.split, len(part.numbers)) for role, part in rows.items()}
    assert found["validation"] == validation and found["test"] == test
    parts = [part for part in rows.values() if part.split == "train"]
    numbers = np.concatenate([part.numbers for part in parts])
    np.testing.assert_array_equal(np.sort(numbers), np.arange(sizes["train"]))
    assert all(np.all(np.diff(part.numbers) > 0) for part in parts)


def test_what_is_held_out_of_data_in_the_order_of_classes_has_all_classes():
    # zalandoresearch/fashion-mnist#3; tensorflow/tfjs#5976.
    rows = records.divide(with_splits(train=1200))
    for role in ("validation", "test"):
        counts = np.bincount(np.asarray(rows[role].numbers) // 400, minlength=3)
        assert counts.min() > 20
    again = records.divide(with_splits(train=1200))
    np.testing.assert_array_equal(rows["test"].numbers, again["test"].numbers)


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


def test_a_test_split_without_labels_is_missing_and_said(cifar10):
    # tensorflow/datasets#349, #1356, #1218.
    path = cifar10(lambda i: -1)
    with pytest.warns(UserWarning, match=r"cifar10/3.0.2 has no labels in test \(-1\)"):
        dataset = data.load("cifar10", data_dir=path)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split.labels) for split in splits] == [49, 5, 6]


def test_an_empty_variable_names_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for variable in ("LEC7_DATA_DIR", "LEC7_ZOO_DIR"):
        monkeypatch.setenv(variable, "")
    assert preparation.data_folder() == tmp_path / "lec7" / "data"
    assert transfer.network_folder("mine") == tmp_path / "lec7" / "zoo" / "mine"


@pytest.mark.parametrize("named", [("image", "label"), None])
def test_own_records_in_the_order_of_their_classes_are_held_out_of_all(named, tmp_path):
    import tensorflow_datasets as tfds

    class SortedOnes(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Tensor(shape=(4, 4, 1), dtype=np.uint8),
                "label": tfds.features.ClassLabel(num_classes=3),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                supervised_keys=named,
                disable_shuffling=True,
                features=tfds.features.FeaturesDict(features),
            )

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i in range(600):
                image = np.full((4, 4, 1), i % 256, np.uint8)
                yield i, {"image": image, "label": i // 200}

    try:
        SortedOnes(data_dir=tmp_path).download_and_prepare(file_format="array_record")
        dataset = data.load("sorted_ones", data_dir=tmp_path)
    finally:
        del tfds.core.registered._DATASET_REGISTRY["sorted_ones"]
    for split in (dataset.train, dataset.validation, dataset.test):
        assert np.bincount(split.labels, minlength=3).min() >= 10


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


@pytest.mark.parametrize("sizes", [{"train": 1}, {"train": 2}, {"train": 1, "test": 5}])
def test_too_few_examples_to_hold_some_out_are_refused(sizes):
    with pytest.raises(data.DataError, match=r"has \d examples; expected more than"):
        records.divide(with_splits(**sizes))


@pytest.mark.parametrize("keys", [None, ("image", "fine")])
def test_what_names_no_pair_says_what_it_names(keys):
    import tensorflow_datasets as tfds

    image = tfds.features.Tensor(shape=(4, 4, 1), dtype=np.uint8)
    label = tfds.features.ClassLabel(num_classes=3)
    features = {"image": image, "coarse": label, "fine": label}
    info = types.SimpleNamespace(
        supervised_keys=keys, features=features, full_name="some/1.0.0"
    )
    builder = types.SimpleNamespace(info=info)
    if keys:
        assert records.fields(builder)[:3] == ("image", "fine", 3)
    else:
        with pytest.raises(data.DataError, match="got supervised_keys None and "):
            records.fields(builder)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "digits"])
@pytest.mark.parametrize("limit", [0, 2**30])
def test_the_made_up_examples_of_tfds_are_read(name, limit, tmp_path):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=5):
        dataset = data.load(name, data_dir=tmp_path, memory_limit=limit)
        batches = data.stream(name, "test", batch_size=5, seed=None, data_dir=tmp_path)
        for split in (dataset.train, dataset.validation, dataset.test):
            assert len(split.images) == len(split.labels) == 5
            np.testing.assert_array_equal(np.asarray(split.images), batches[0].images)
            np.testing.assert_array_equal(split.labels, batches[0].labels)
            assert np.asarray(split.images).max() > 0.5
    assert not list(tmp_path.iterdir())
