"""Test examples are a sample, of one data set or of two."""

import jax
import numpy as np
import pytest

from experiments import tested
from lec7 import data, models, report


def test_an_example_is_right_where_its_class_has_the_largest_logit():
    model = models.MLP(num_classes=3, widths=())
    keys = jax.random.split(jax.random.key(0), 2)
    variables = jax.vmap(lambda key: models.initialise(model, key, (4,)))(keys)
    draw = np.random.default_rng(0)
    images = draw.normal(size=(600, 4)).astype(np.float32)
    split = data.Split(images, draw.integers(3, size=600).astype(np.int32))
    right = tested.right(model, variables, split)
    networks = [jax.tree.map(lambda leaf, m=m: leaf[m], variables) for m in range(2)]
    found = tested.test(model, networks, split)
    np.testing.assert_array_equal(100 * right, found.accuracy())
    assert right.dtype == bool and 0 < right.mean() < 1


def test_means_over_different_examples_are_as_uncertain_as_both_together():
    draw = np.random.default_rng(0)
    a, b = draw.normal(1.0, 2.0, size=400), draw.normal(0.0, 1.0, size=900)
    several = [np.tile(of, (5, 1)) for of in (a, b)]
    say = report.Claims(source="").mean("it", "", "", tested.between(*several), above=0)
    assert say.effect == pytest.approx(a.mean() - b.mean())
    error = (say.interval[1] - say.interval[0]) / 2 / 1.96
    expected = np.sqrt(a.var() / 400 + b.var() / 900)
    assert error == pytest.approx(expected, rel=0.02)
