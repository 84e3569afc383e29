import sys

import mnist1d.data
import numpy as np
import pytest
from sklearn import neighbors

from lec7 import data
from lec7.data import preparation, records


@pytest.fixture(scope="module")
def made(folder):
    """What the package makes, and what is loaded."""
    return mnist1d.data.make_dataset(), data.load("mnist1d", data_dir=folder)


def test_the_signals_are_those_of_the_package_in_its_split(made, folder):
    expected, loaded = made
    rows = records.divide(preparation.prepared("mnist1d", data_dir=folder))
    for role, suffix in (("train", ""), ("validation", ""), ("test", "_test")):
        split, chosen = getattr(loaded, role), np.asarray(rows[role].numbers)
        signals = np.float32(expected[f"x{suffix}"][chosen])[..., None]
        np.testing.assert_array_equal(split.images, signals)
        np.testing.assert_array_equal(split.labels, expected[f"y{suffix}"][chosen])
    sizes = [
        split.images.shape for split in (loaded.train, loaded.validation, loaded.test)
    ]
    assert sizes == [(3600, 40, 1), (400, 40, 1), (1000, 40, 1)]
    assert loaded.train.images.dtype == np.float32


def test_three_neighbours_know_55_percent_and_no_class_is_rare(made):
    # The official arrays give 0.554 for 4,000 neighbours; here are 3,600.
    _, loaded = made
    model = neighbors.KNeighborsClassifier(3)
    model.fit(loaded.train.images[..., 0], loaded.train.labels)
    assert 0.52 < model.score(loaded.test.images[..., 0], loaded.test.labels) < 0.58
    for split in (loaded.train, loaded.validation, loaded.test):
        share = np.bincount(split.labels, minlength=10) / len(split.labels)
        assert share.min() > 0.07 and share.max() < 0.13


def test_standardising_signals_is_over_examples_and_points(made):
    _, loaded = made
    mean, std = data.channel_moments(loaded.train.images)
    assert mean.shape == std.shape == (1,)
    scaled = data.standardise(loaded).train.images
    np.testing.assert_allclose(scaled.mean(dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(dtype=np.float64), 1, rtol=1e-6)


@pytest.mark.slow
def test_preparing_leaves_the_global_generator_as_it_is(tmp_path):
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    data.load("mnist1d", data_dir=tmp_path)
    assert np.random.random() == expected


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    with pytest.raises(data.DataError, match="run `pip install mnist1d` and run again"):
        data.load("mnist1d", data_dir=tmp_path)
    assert list((tmp_path / "mnist1d").iterdir()) == []
