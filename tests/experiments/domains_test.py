"""Letters and numerals have nothing in common."""

import numpy as np
import pytest

from experiments import domains
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
