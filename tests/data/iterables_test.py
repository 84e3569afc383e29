import itertools
import types

import numpy as np
import pytest
from PIL import Image

from lec7 import data

DRAW = np.random.default_rng(0)
PIXELS = DRAW.integers(0, 256, (30, 6, 5, 3), dtype=np.uint8)
LABELS = [i % 3 for i in range(30)]


class Rows(list):
    """What Hugging Face's `datasets.Dataset` is to us: rows, and their features."""

    def __init__(self, rows, **classes):
        super().__init__(rows)
        self.features = {
            name: types.SimpleNamespace(num_classes=k) for name, k in classes.items()
        }


def rows(image="image", label="label"):
    pictures = map(Image.fromarray, PIXELS)
    return [{image: x, label: y} for x, y in zip(pictures, LABELS, strict=True)]


@pytest.mark.parametrize(
    "names",
    [*itertools.product(("image", "img"), ("label", "labels", "fine_label"))],
)
def test_rows_with_pictures_are_read_exactly(names):
    dataset = data.from_iterable({"train": rows(*names), "test": rows(*names)})
    np.testing.assert_array_equal(dataset.test.images, np.float32(PIXELS) / 255)
    np.testing.assert_array_equal(dataset.test.labels, LABELS)
    assert [len(s.labels) for s in (dataset.train, dataset.validation)] == [27, 3]


def test_pairs_rows_and_generators_say_the_same():
    expected = data.from_iterable(rows()).train
    for examples in (
        zip(PIXELS, LABELS, strict=True),
        (row for row in rows()),
        [
            (Image.fromarray(x), np.int64(y))
            for x, y in zip(PIXELS, LABELS, strict=True)
        ],
    ):
        found = data.from_iterable(examples).train
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_the_splits_of_a_dictionary_have_the_names_that_load_knows():
    examples = {"train": rows(), "dev": rows()[:7], "unsupervised": iter(())}
    dataset = data.from_iterable(examples)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split.labels) for split in splits] == [27, 3, 7]


def test_features_tell_the_number_of_classes():
    assert data.from_iterable(Rows(rows(), label=7)).num_classes == 7
    assert data.from_iterable(Rows(rows(), text=7)).num_classes == 3


def test_pictures_are_scaled_to_a_size_and_arrays_are_not():
    pictures = [Image.fromarray(PIXELS[0]).resize((8 + i, 9)) for i in range(6)]
    mixed = list(zip(pictures, LABELS, strict=False))
    with pytest.raises(data.DataError, match=r"\[1\] is uint8 \[9, 9, 3\] and the fir"):
        data.from_iterable(mixed)
    assert data.from_iterable(mixed, image_size=(4, 3)).train.images.shape[1:] == (
        *(4, 3),
        3,
    )


@pytest.mark.parametrize("size", [8, (8,), (8, 0), (8, 8, 3)])
def test_a_size_is_a_pair_of_counts(size):
    with pytest.raises(
        ValueError, match="image_size is .* a pair|width is 0; expected"
    ):
        data.from_iterable(rows(), image_size=size)


def test_numbers_of_any_rank_stay_what_they_are():
    signals = [(np.full((40, 1), float(i)), i % 2) for i in range(10)]
    assert data.from_iterable(signals).train.images.shape == (8, 40, 1)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"pixels": 1, "label": 0}, r"a mapping of \['pixels', 'label'\]; expected a"),
        ((PIXELS[0],), "is a tuple; expected a pair"),
        (PIXELS[0], "is a ndarray; expected a pair"),
        ((PIXELS[0], 0.5), "has the label 0.5; expected an integer"),
        ((PIXELS[0], None), "has the label None; expected an integer"),
        ((PIXELS[0][..., :1], 0), "expected one shape"),
        ((np.float32(PIXELS[0]), 0), "is float32 .* and the first uint8"),
        ((Image.new("RGBA", (5, 6)), 0), "Pillow's mode RGBA; expected grey or colour"),
        ((Image.new("I;16", (5, 6)), 0), "Pillow's mode I;16"),
    ],
)
def test_a_wrong_example_is_named(example, message):
    examples = [*zip(PIXELS, LABELS, strict=True), example]
    with pytest.raises(data.DataError, match=rf"mine train\[30\].*{message}"):
        data.from_iterable(examples, name="mine")


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "mine train has no example"),
        ({"test": []}, r"\['test'\]; expected 'train'"),
    ],
)
def test_nothing_is_said_to_be_nothing(examples, message):
    with pytest.raises(data.DataError, match=message):
        data.from_iterable(examples, name="mine")


def test_endless_examples_end_at_the_limit_and_long_ones_before_they_are_read():
    endless = zip(itertools.cycle(PIXELS), itertools.cycle(LABELS))
    with pytest.raises(data.DataError, match="expected at most 0.00 GiB"):
        data.from_iterable(endless, memory_limit=100_000)

    class Long:
        def __len__(self):
            return 10**9

        def __iter__(self):
            yield PIXELS[0], 0
            raise AssertionError("read on")

    with pytest.raises(data.DataError, match="take 335.28 GiB"):
        data.from_iterable(Long())
