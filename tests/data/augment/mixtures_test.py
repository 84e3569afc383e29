"""Mixtures of neighbours, and transforms one after another."""

import functools
import math

import jax
import numpy as np
import pytest

from lec7.data import augment

COUNT, CLASSES, ALPHA = 4000, 3, 0.4
KEYS = jax.random.split(jax.random.key(0), COUNT)


def examples():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(COUNT, 2, 2, 1)).astype(np.float32)
    return images, rng.integers(CLASSES, size=COUNT)


@functools.cache
def mixed():
    images, labels = examples()
    return jax.jit(augment.mixup(ALPHA, num_classes=CLASSES))(KEYS, images, labels)


def partner(i):
    return i + 1 if i % 2 == 0 else i - 1


def test_images_and_labels_are_mixed_alike_with_the_neighbour():
    (images, labels), (found, targets) = examples(), mixed()
    np.testing.assert_allclose(targets.sum(1), 1, atol=1e-6)
    for i in range(100):
        j = partner(i)
        if labels[i] != labels[j]:
            w = float(targets[i, labels[i]])
            np.testing.assert_allclose(targets[i, labels[j]], 1 - w, atol=1e-6)
            expected = w * images[i] + (1 - w) * images[j]
            np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_weights_have_the_moments_of_the_beta_distribution():
    _, labels = examples()
    others = labels[[partner(i) for i in range(COUNT)]]
    weights = np.asarray(mixed()[1])[np.arange(COUNT), labels][labels != others]
    variance = 1 / (4 * (2 * ALPHA + 1))
    error = 5 / math.sqrt(len(weights))
    np.testing.assert_allclose(weights.mean(), 0.5, atol=error * math.sqrt(variance))
    np.testing.assert_allclose(weights.var(), variance, atol=error * variance)
    correlation = np.corrcoef(weights[::2], weights[1::2])[0, 1]
    assert abs(correlation) < math.sqrt(2) * error


def test_an_odd_number_of_examples_is_refused():
    images, labels = examples()
    with pytest.raises(ValueError, match="a device has 3 examples of a batch"):
        augment.mixup(1.0, num_classes=CLASSES)(KEYS[:3], images[:3], labels[:3])


def test_mixing_nothing_is_refused():
    with pytest.raises(ValueError, match="alpha is 0; expected a number > 0"):
        augment.mixup(0, num_classes=CLASSES)


def add_noise(key, image):
    return image + jax.random.normal(key, image.shape)


def double(key, image):
    del key
    return 2 * image


def test_transforms_apply_in_turn_each_with_a_key_of_its_own():
    images, labels = examples()
    composed = augment.compose(add_noise, double, add_noise, mix=lambda *batch: batch)
    keys, found, kept = composed(KEYS[:4], images[:4], labels[:4])
    for i, key in enumerate(KEYS[:4]):
        image = 2 * add_noise(jax.random.fold_in(key, 0), images[i])
        expected = add_noise(jax.random.fold_in(key, 2), image)
        np.testing.assert_allclose(found[i], expected, atol=1e-6)
        assert keys[i] == jax.random.fold_in(key, 3)
    np.testing.assert_array_equal(kept, labels[:4])


def test_labels_stay_where_nothing_is_mixed():
    images, labels = examples()
    same, kept = augment.compose()(KEYS, images, labels)
    assert kept is labels
    np.testing.assert_array_equal(same, images)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            np.eye(3, dtype=np.float32)[[0, 1]],
            r"labels are float32\[2, 3\]; expected cla",
        ),
        (np.zeros((2, 1), np.int32), r"labels are int32\[2, 1\]; expected classes"),
        (np.zeros(2, np.float32), r"labels are float32\[2\]; expected classes"),
        (
            np.array([0, 3]),
            "a label is 3; expected classes from 0 to 2: num_classes is 3",
        ),
        (np.array([-1, 0]), "a label is -1; expected classes from 0 to 2"),
    ],
)
def test_labels_that_are_not_classes_are_not_mixed(labels, message):
    images = np.ones((2, 2, 2, 1), np.float32)
    with pytest.raises(ValueError, match=message):
        augment.mixup(1.0, num_classes=3)(KEYS[:2], images, labels)


def test_a_label_of_another_class_is_seen_in_a_compiled_program():
    mix = jax.jit(augment.mixup(1.0, num_classes=3))
    images, _ = mix(KEYS[:4], np.ones((4, 2, 2, 1), np.float32), np.array([0, 3, 1, 2]))
    assert np.isnan(images[:2]).all() and np.isfinite(images[2:]).all()


def test_bytes_are_not_mixed():
    # Of the kind of kornia/kornia#4657 and tensorflow/models#10324.
    with pytest.raises(ValueError, match="images are uint8; expected floating-point"):
        augment.mixup(1.0, num_classes=3)(
            KEYS[:2], np.ones((2, 2, 2, 1), np.uint8), np.array([0, 1])
        )
