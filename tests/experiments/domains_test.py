"""Letters and numerals have nothing in common, and images fit as they should."""

import numpy as np
import pytest

from experiments import domains
from lec7 import data
from lec7.data import glyphs, preparation

CONFIG = "grey8-1200"
ROLES = ("train", "validation", "test")


@pytest.fixture(scope="module", autouse=True)
def records(tmp_path_factory):
    """A data folder of the module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEC7_DATA_DIR", str(tmp_path_factory.mktemp("records")))
        yield


def images_of(dataset):
    splits = (getattr(dataset, role) for role in ROLES)
    return [image.tobytes() for split in splits for image in split.images]


def test_letters_and_numerals_share_neither_class_nor_font():
    letters, numerals = (
        domains.load(f"{name}/{CONFIG}") for name in ("letters", "numerals")
    )
    assert (letters.num_classes, numerals.num_classes) == (37, 10)
    among_letters, among_numerals = set(images_of(letters)), set(images_of(numerals))
    source = preparation.prepared(f"glyphs/{CONFIG}").as_data_source("train")
    for record in source.__getitems__(range(len(source))):
        image = (np.float32(record["image"]) / 255).tobytes()
        numeral = glyphs.CHARACTERS[record["label"]].isdigit()
        serif = "Serif" in glyphs.FONTS[record["font"]]
        assert (image in among_letters) == (not numeral and not serif)
        assert (image in among_numerals) == (numeral and serif)


def test_every_numeral_is_in_one_split_and_classes_are_equally_large():
    numerals = domains.load(f"numerals/{CONFIG}")
    everything = images_of(numerals)
    assert len(everything) == len(set(everything))
    for role in ROLES:
        counts = np.bincount(getattr(numerals, role).labels)
        assert len(counts) == 10
        assert np.ptp(counts) <= 2
    assert len(numerals.train.labels) == pytest.approx(0.4 * len(everything), abs=20)


def constant_images(shape, values):
    images = np.broadcast_to(np.float32(values), (3, *shape)).copy()
    split = data.Split(images, np.arange(3))
    return data.Dataset("constant", 3, split, split, split)


@pytest.mark.parametrize("shape", [(16, 16, 1), (16, 12, 3), (5, 5, 3), (8, 8, 1)])
def test_images_take_the_shape_asked_for_and_keep_their_level(shape):
    dataset = constant_images((8, 8, 1), 0.25)
    for role in ROLES:
        images, labels = getattr(domains.fit_images(dataset, shape), role)
        assert images.shape == (3, *shape)
        np.testing.assert_allclose(images, 0.25, rtol=1e-6)
        np.testing.assert_array_equal(labels, np.arange(3))


def test_twice_as_large_a_ramp_is_still_a_ramp():
    ramp = np.arange(8)[:, None, None] * np.ones((8, 8, 1))
    found = domains.fit_images(constant_images((8, 8, 1), ramp), (16, 16, 1))
    expected = np.clip(np.arange(16) / 2 - 0.25, 0, 7)
    np.testing.assert_allclose(found.train.images[0, :, 3, 0], expected, atol=1e-5)


def test_colour_becomes_grey_by_the_mean_and_nothing_else_fits():
    dataset = constant_images((4, 4, 3), [0.0, 0.3, 0.6])
    found = domains.fit_images(dataset, (4, 4, 1))
    np.testing.assert_allclose(found.train.images, 0.3, rtol=1e-6)
    with pytest.raises(data.DataError, match="3 channels; expected 1 or 2"):
        domains.fit_images(dataset, (4, 4, 2))
