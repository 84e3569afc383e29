"""Colour transforms against transcriptions pixel by pixel."""

import itertools
import math

import jax
import numpy as np
import pytest

from lec7 import data
from lec7.data import augment
from lec7.data.augment import jitter

KEYS = jax.random.split(jax.random.key(0), 2000)


def pixels(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype(np.float32)


def grey(pixel):
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]


def blended(image, factor, target):
    out = np.zeros_like(image)
    for y, x in np.ndindex(image.shape[:2]):
        out[y, x] = factor * image[y, x] + (1 - factor) * target(image, y, x)
    return out


TARGETS = {
    0: lambda image, y, x: 0.0,
    1: lambda image, y, x: np.mean([grey(p) for row in image for p in row]),
    2: lambda image, y, x: grey(image[y, x]),
}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_blends_equal_their_slow_transcription_in_any_order(order, float64):
    image, factors = pixels(3, 4, 3).astype(np.float64), np.array([0.7, 1.3, 1.8])
    expected = image
    for i in order:
        expected = blended(expected, factors[i], TARGETS[i])
    np.testing.assert_allclose(jitter.blend(image, factors), expected, atol=1e-14)


def test_a_grey_image_has_no_saturation():
    image = pixels(3, 4, 1)
    changed = augment.colour_jitter(saturation=1.0)(KEYS[0], image)
    np.testing.assert_allclose(changed, image, rtol=1e-6)


def test_factors_are_uniform_and_independent():
    image = pixels(2, 2, 3)
    transform = augment.colour_jitter(brightness=0.4, contrast=0.4, saturation=0.4)
    found = jax.jit(jax.vmap(transform, (0, None)))(KEYS, image)
    # Out = a x + b grey + c mean, with a = f g h, b = f g (1 - h) and c = f (1 - g).
    light = image @ np.array([0.299, 0.587, 0.114])
    terms = np.stack(
        [image.ravel(), np.repeat(light, 3), np.full(12, light.mean())], axis=1
    )
    a, b, c = np.linalg.lstsq(terms, np.reshape(found, (-1, 12)).T, rcond=None)[0]
    factors = np.stack([a + b + c, (a + b) / (a + b + c), a / (a + b)])
    assert factors.min() > 0.6 - 1e-4 and factors.max() < 1.4 + 1e-4
    sigma = 0.4 / math.sqrt(3)
    np.testing.assert_allclose(
        np.cov(factors), sigma**2 * np.eye(3), atol=5 * sigma**2 / math.sqrt(2000)
    )
    np.testing.assert_allclose(factors.mean(1), 1, atol=5 * sigma / math.sqrt(2000))


def test_components_and_variances_are_those_of_the_covariance():
    images = pixels(5, 3, 4, 3)
    images[..., 1] = 0.5 * images[..., 0] + 0.1 * images[..., 1]
    basis, eigenvalues = augment.fit_colour_pca(images)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-6)
    assert (np.diff(eigenvalues) < 0).all()
    covariance = np.cov(images.reshape(-1, 3), rowvar=False, bias=True)
    np.testing.assert_allclose(basis * eigenvalues @ basis.T, covariance, atol=1e-7)


def test_colour_noise_is_one_colour_with_the_covariance_of_alexnet():
    basis, eigenvalues = augment.fit_colour_pca(pixels(5, 3, 4, 3) ** [1, 2, 3])
    noise = augment.colour_noise(basis, eigenvalues)
    drawn = jax.jit(jax.vmap(noise, (0, None)))(KEYS, np.zeros((2, 3, 3), np.float32))
    colours = np.asarray(drawn)[:, 0, 0]
    np.testing.assert_array_equal(
        drawn, np.broadcast_to(colours[:, None, None], drawn.shape)
    )
    # N(0, .1) and not U(0, 1); vectors in columns; eigenvalues and not their roots.
    covariance = 0.01 * basis @ np.diag(eigenvalues**2) @ basis.T
    whitened = colours @ basis / (0.1 * eigenvalues)
    np.testing.assert_allclose(
        np.cov(whitened.T), np.eye(3), atol=5 * math.sqrt(2 / 2000)
    )
    np.testing.assert_allclose(np.mean(whitened, 0), 0, atol=5 / math.sqrt(2000))
    np.testing.assert_allclose(
        np.cov(colours.T), covariance, atol=0.2 * np.max(covariance)
    )


def test_colour_noise_equals_its_transcription_given_the_draw():
    image, (basis, eigenvalues) = (
        pixels(2, 3, 3),
        augment.fit_colour_pca(pixels(4, 3, 3, 3)),
    )
    alpha = 0.1 * np.asarray(jax.random.normal(KEYS[0], (3,)), np.float64)
    expected = image.astype(np.float64)
    for y, x, c, j in np.ndindex(2, 3, 3, 3):
        expected[y, x, c] += basis[c, j] * alpha[j] * eigenvalues[j]
    found = augment.colour_noise(basis, eigenvalues)(KEYS[0], image)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_transform_of_pixels_acts_on_standardised_images():
    images = np.float32(pixels(4, 3, 3, 3) ** [1, 2, 3])
    mean, std = data.channel_moments(images)
    transform = augment.colour_jitter(brightness=0.4, contrast=0.4, saturation=0.4)
    found = augment.on_pixels(transform, mean=mean, std=std)(
        KEYS[0], (images[0] - mean) / std
    )
    expected = (np.asarray(transform(KEYS[0], images[0])) - mean) / std
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: augment.colour_jitter(contrast=2),
            "contrast is 2; expected a number in",
        ),
        (lambda: augment.colour_noise(np.eye(3), np.ones(3), std=-1), "std is -1"),
        (
            lambda: augment.colour_jitter()(KEYS[0], pixels(2, 2, 4)),
            "the image has 4 channels; expected 1 or 3",
        ),
    ],
)
def test_what_is_no_colour_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "transform",
    [
        augment.colour_jitter(contrast=0.5),
        augment.colour_noise([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], [0.1, 0.1, 0.1]),
        augment.on_pixels(lambda key, image: image, mean=(0.5,) * 3, std=(0.2,) * 3),
    ],
    ids=["jitter", "noise", "on_pixels"],
)
def test_bytes_are_not_calculated_with(transform):
    image = pixels(2, 2, 3)
    assert transform(KEYS[0], image).dtype == np.float32
    for compiled in (transform, jax.jit(transform)):
        with pytest.raises(ValueError, match="images are uint8; expected floating-poi"):
            compiled(KEYS[0], np.uint8(255 * image))


def test_the_components_of_bytes_are_refused():
    with pytest.raises(ValueError, match="images are uint8; expected floating-point"):
        augment.fit_colour_pca(np.uint8(255 * pixels(1, 2, 2, 3)))


def test_a_scale_of_pixels_has_a_value_for_each_channel():
    image, flip = np.ones((2, 2, 3), np.float32), augment.horizontal_flip()
    scaled = augment.on_pixels(flip, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.2))
    assert scaled(jax.random.key(0), image).shape == (2, 2, 3)
    with pytest.raises(ValueError, match="std is .* expected a number > 0"):
        augment.on_pixels(flip, mean=(0.4, 0.5, 0.6), std=(0.2, 0.0, 0.2))
    with pytest.raises(ValueError, match=r"the shape of mean is \(1,\); expected \(3,"):
        wrong = augment.on_pixels(flip, mean=(0.4,), std=(0.2, 0.2, 0.2))
        wrong(jax.random.key(0), image)
