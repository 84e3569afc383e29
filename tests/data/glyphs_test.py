import itertools

import numpy as np
import pytest

from lec7 import data
from lec7.data import glyphs, preparation


def drawn(name, seed, count):
    examples = list(glyphs.draw(glyphs.parse(name), seed, count))
    return {
        key: np.stack([example[key] for example in examples]) for key in examples[0]
    }


def sorted_rows(examples):
    """The examples as tuples in an order of their own, since TFDS mixes records."""
    columns = (examples[key] for key in ("image", "label", "font"))
    return sorted(
        (i.tobytes(), int(k), int(f)) for i, k, f in zip(*columns, strict=True)
    )


def test_records_are_what_is_drawn(folder):
    builder = preparation.prepared("glyphs/colour10-94", data_dir=folder)
    for seed, (split, count) in enumerate(
        {"train": 94, "validation": 2000, "test": 2000}.items()
    ):
        expected = drawn("colour10-94", seed, count)
        records = list(builder.as_data_source(split))
        found = {key: np.stack([record[key] for record in records]) for key in expected}
        assert sorted_rows(found) == sorted_rows(expected)


def test_splits_share_no_image():
    images = [
        {image.tobytes() for image in drawn("grey28", seed, 600)["image"]}
        for seed in range(3)
    ]
    assert all(not a & b for a, b in itertools.combinations(images, 2))
    assert all(len(found) == 600 for found in images)


def test_an_example_depends_on_the_seed_and_its_number_alone():
    few, many = drawn("colour28", 7, 5), drawn("colour28", 7, 60)
    for key in few:
        np.testing.assert_array_equal(few[key], many[key][:5])
    assert (drawn("colour28", 8, 5)["image"] != few["image"]).any()


def test_each_character_appears_in_each_font_once():
    pairs = drawn("grey8", 0, 47 * 12)
    assert len(set(zip(pairs["label"], pairs["font"], strict=True))) == 47 * 12
    assert glyphs.CHARACTERS[:10] == "0123456789"
    assert len(set(glyphs.CHARACTERS)) == 47


def test_no_two_characters_look_the_same_before_they_are_moved():
    for font in glyphs.FONTS:
        images = {glyphs.stencil(c, font, 56).tobytes() for c in glyphs.CHARACTERS}
        assert len(images) == 47


def test_the_map_that_does_nothing_is_the_identity():
    np.testing.assert_allclose(
        glyphs.affine_maps(np.zeros((1, 6)), 56), [[1, 0, 0, 0, 1, 0]], atol=1e-12
    )


@pytest.mark.parametrize(
    ("numbers", "point", "origin"),
    [
        ([0, 0, 0, 0, 1, 0], (5 + 0.8, 5), (5, 5)),
        ([0, 0, 0, 0, 0, 1], (5, 5 + 0.8), (5, 5)),
        ([0, 0, 1, 0, 0, 0], (5 + np.exp(0.2), 5), (6, 5)),
        ([0, 0, 0, 1, 0, 0], (5, 5 + np.exp(0.2)), (5, 6)),
        ([0, 1, 0, 0, 0, 0], (5.25, 6), (5, 6)),
        ([1, 0, 0, 0, 0, 0], (5 + np.cos(np.pi / 12), 5 + np.sin(np.pi / 12)), (6, 5)),
    ],
)
def test_maps_say_where_a_point_came_from(numbers, point, origin):
    (a, b, c, d, e, f), (x, y) = glyphs.affine_maps(np.array([numbers]), 10)[0], point
    np.testing.assert_allclose((a * x + b * y + c, d * x + e * y + f), origin)


def test_colour_changes_no_shape_and_keeps_contrast():
    grey, colour = drawn("grey28", 0, 100), drawn("colour28", 0, 100)
    for ink, image in zip(grey["image"], colour["image"], strict=True):
        paper, pen = image[ink[..., 0] == 0], image[ink[..., 0] == 255]
        assert (paper == paper[0]).all()
        assert (pen == pen[0]).all() if len(pen) else True
        if len(pen):
            assert np.abs(paper[0] - pen[0].astype(float)).min() >= 0.3 * 255 - 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("grey28", (28, False, 12_000)),
        ("colour32", (32, True, 12_000)),
        ("grey64-100", (64, False, 100)),
    ],
)
def test_a_name_says_what_is_drawn(name, expected):
    config = glyphs.parse(name)
    assert (config.size, config.colour, config.train) == expected


@pytest.mark.parametrize("name", ["grey", "gray28", "grey28-", "grey28-0", "grey028"])
def test_other_names_are_refused_with_the_nearest(name, folder):
    assert glyphs.parse(name) is None
    with pytest.raises(data.UnknownDatasetError, match="nearest match is 'glyphs/grey"):
        data.load(f"glyphs/{name}", data_dir=folder)


def test_load_takes_any_size_and_number(folder):
    dataset = data.load("glyphs/colour10-94", data_dir=folder)
    assert dataset.train.images.shape == (94, 10, 10, 3)
    assert dataset.num_classes == 47
    np.testing.assert_array_equal(np.bincount(dataset.train.labels), np.full(47, 2))


def test_listed_configs_are_named_for_what_they_draw():
    assert list(glyphs.Glyphs.builder_configs) == [
        *("grey28", "grey32", "colour28", "colour32")
    ]
