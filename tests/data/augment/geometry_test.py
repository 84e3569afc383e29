"""Flips, crops and hidden squares against windows cut out one by one."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7.data import augment
from lec7.data.augment import scales

KEYS = jax.random.split(jax.random.key(0), 2000)


def draw(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def transformed(transform, image, keys=KEYS):
    return np.asarray(jax.jit(jax.vmap(transform, (0, None)))(keys, image))


def occurrences(found, expected):
    """Return how many of the images found equal each one expected."""
    equal = (found[:, None] == np.stack(expected)[None]).all((2, 3, 4))
    assert (equal.sum(1) == 1).all()
    return equal.sum(0)


def assert_uniform(counts):
    """Check counts of equally likely outcomes, at five sigma each."""
    mean = np.sum(counts) / len(counts)
    assert np.max(np.abs(counts - mean)) < 5 * math.sqrt(mean)


def test_a_flip_is_its_own_inverse():
    flip, image = augment.horizontal_flip(1.0), draw(3, 4, 2)
    once = flip(KEYS[0], image)
    np.testing.assert_array_equal(once, image[:, ::-1])
    np.testing.assert_array_equal(flip(KEYS[1], once), image)


def test_half_of_the_images_are_flipped():
    image = draw(3, 4, 2)
    found = transformed(augment.horizontal_flip(), image)
    assert_uniform(occurrences(found, [image, image[:, ::-1]]))


def test_flip_views_are_the_images_and_their_mirror_images():
    images = draw(2, 3, 4, 1)
    views = augment.flip_views(images)
    np.testing.assert_array_equal(views[0], images)
    np.testing.assert_array_equal(views[1], np.flip(images, 2))


@pytest.mark.parametrize(("size", "padding", "fill"), [(3, 1, 0.5), (2, 0, 0.0)])
def test_every_position_of_a_crop_is_equally_likely(size, padding, fill):
    image = draw(4, 5, 2)
    border = [(padding, padding), (padding, padding), (0, 0)]
    padded = np.pad(image, border, constant_values=fill)
    rows, columns = (n - size + 1 for n in padded.shape[:2])
    windows = [
        padded[y : y + size, x : x + size]
        for y, x in itertools.product(range(rows), range(columns))
    ]
    crop = augment.random_crop(size, padding=padding, fill=fill)
    assert_uniform(occurrences(transformed(crop, image), windows))


def test_the_factor_of_alexnet_counts_one_position_less_a_side():
    room = 256 - 224
    assert room * room * 2 == 2048
    crop = jax.eval_shape(
        lambda image: augment.random_crop(224)(KEYS[0], image), jnp.zeros((256, 256, 3))
    )
    assert crop.shape == (224, 224, 3)


def test_ten_crops_are_corners_centre_and_their_mirror_images():
    images, size = draw(2, 6, 9, 3), 4
    corners = [(0, 0), (0, 5), (2, 0), (2, 5), (1, 2)]
    slow = [images[:, y : y + size, x : x + size] for y, x in corners]
    slow += [np.flip(crop, 2) for crop in slow]
    np.testing.assert_array_equal(augment.ten_crop(images, size), slow)


def test_ten_crops_are_distinct_and_closed_under_the_flip():
    crops = np.asarray(augment.ten_crop(draw(1, 6, 8, 1), 4))[:, 0]
    mirrored = crops[:, :, ::-1]
    np.testing.assert_array_equal(occurrences(mirrored, crops), np.ones(10))
    assert len({crop.tobytes() for crop in crops}) == 10


@pytest.mark.parametrize(
    "crop", [augment.random_crop(6), functools.partial(augment.ten_crop, size=6)]
)
def test_a_crop_larger_than_the_image_is_refused(crop):
    image = draw(5, 7, 1)
    arguments = (
        (image[None],) if isinstance(crop, functools.partial) else (KEYS[0], image)
    )
    with pytest.raises(ValueError, match="size is 6; expected 1 to 5"):
        crop(*arguments)


def slow_crop_resized(image, side, corner, size):
    """Linear interpolation with a triangle no narrower than a new pixel."""
    scale = side / min(image.shape[:2])
    width = max(1 / scale, 1)

    def weights(position, count):
        centre = (position + 0.5) / scale - 0.5
        w = [max(0, 1 - abs(centre - i) / width) for i in range(count)]
        return np.array(w) / sum(w)

    height, breadth, _ = image.shape
    out = np.zeros((size, size, image.shape[2]))
    for y, x in itertools.product(range(size), repeat=2):
        down = weights(corner[0] + y, height)
        right = weights(corner[1] + x, breadth)
        out[y, x] = np.einsum("h,w,hwc->c", down, right, image)
    return out


@pytest.mark.parametrize(
    ("side", "corner"),
    [(9, (4, 3)), (6, (0, 0)), (6, (2, 4)), (4, (0, 1)), (5, (1, 1))],
)
def test_a_crop_of_a_resized_image_equals_its_slow_transcription(side, corner):
    image = draw(6, 8, 2)
    crop = jax.jit(functools.partial(scales.crop_resized, size=4))
    found = crop(image, jnp.array(side), jnp.array(corner))
    expected = slow_crop_resized(image.astype(np.float64), side, corner, 4)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sides_and_positions_of_a_multi_scale_crop_are_uniform():
    # Enlarged, a ramp stays a ramp, so that scale and corner can be read from it.
    height, width, size = 12, 16, 8
    ramp = np.stack(np.mgrid[:height, :width], axis=-1).astype(np.float32)
    crop = augment.multi_scale_crop(size, short_side=(12, 17))
    found = transformed(crop, ramp)
    scale = 2 / (found[:, 5, 5] - found[:, 3, 3])
    centre = (found[:, 4, 4] + 0.5) * scale - 0.5
    sides, corners = np.rint(height * scale[:, 0]), np.rint(centre - 4)
    np.testing.assert_allclose(height * scale[:, 0], sides, atol=1e-3)
    np.testing.assert_allclose(centre - 4, corners, atol=1e-3)
    assert_uniform([np.sum(sides == side) for side in range(12, 18)])
    at_13 = corners[sides == 13]
    assert_uniform([np.sum(at_13[:, 0] == y) for y in range(13 - size + 1)])
    assert_uniform([np.sum(at_13[:, 1] == x) for x in range(16 * 13 // 12 - size + 1)])


def test_at_its_own_size_an_image_is_not_changed():
    image = draw(6, 6, 1)
    crop = augment.multi_scale_crop(6, short_side=(6, 6))
    (found,) = transformed(crop, image, KEYS[:1])
    np.testing.assert_allclose(found, image, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_hidden_square_lies_around_a_uniform_pixel(size):
    image = draw(4, 5, 2)

    def hidden(row, column):
        out = image.copy()
        for y, x in itertools.product(range(4), range(5)):
            near = (
                0 <= y - row + size // 2 < size and 0 <= x - column + size // 2 < size
            )
            out[y, x] = 7.0 if near else out[y, x]
        return out

    centres = itertools.product(range(4), range(5))
    found = transformed(augment.cutout(size, fill=7.0), image)
    assert_uniform(occurrences(found, [hidden(*centre) for centre in centres]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: augment.horizontal_flip(1.5),
            "probability is 1.5; expected a number in",
        ),
        (lambda: augment.random_crop(0), "size is 0; expected an integer >= 1"),
        (lambda: augment.ten_crop(draw(1, 4, 4, 1), 0), "size is 0; expected 1 to 4"),
        (lambda: augment.multi_scale_crop(8, short_side=(7, 9)), "size is 8 and short"),
        (lambda: augment.cutout(0), "size is 0; expected an integer >= 1"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda fill: augment.cutout(2, fill=fill),
        lambda fill: augment.random_crop(4, padding=2, fill=fill),
    ],
    ids=["cutout", "crop"],
)
def test_new_pixels_have_the_value_and_the_type_that_are_asked_for(make):
    image = np.full((4, 4, 1), 7, np.uint8)
    for dtype, fill in ((np.uint8, 0), (np.uint8, 200), (np.float16, 0.5)):
        found = transformed(make(fill), image.astype(dtype))
        assert found.dtype == dtype and set(np.unique(found)) == {7, fill}
    for fill in (0.5, -1, 256):
        with pytest.raises(
            ValueError, match=f"fill is {fill}; expected a value of uin"
        ):
            make(fill)(KEYS[0], image)


def test_a_sequence_is_shifted_and_stretched_as_the_middle_row_of_an_image_is():
    sequence = jnp.sin(jnp.arange(12.0))[:, None]
    cuts = [augment.random_crop(7)(key, sequence)[:, 0] for key in KEYS[:20]]
    starts = {int(np.argmin(abs(sequence[:, 0] - cut[0]))) for cut in cuts}
    assert starts <= set(range(6)) and len(starts) > 2
    for cut in cuts:
        start = int(np.argmin(abs(sequence[:, 0] - cut[0])))
        np.testing.assert_array_equal(cut, sequence[start : start + 7, 0])
    line = jnp.arange(12.0)[:, None]
    stretch = augment.multi_scale_crop(8, short_side=(24, 24))
    for key in KEYS[:5]:
        inner = np.diff(stretch(key, line)[:, 0])[1:-1]
        np.testing.assert_allclose(inner, 0.5, atol=1e-5)  # twice as long
