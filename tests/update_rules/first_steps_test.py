"""What the first step of each library's preset is, down to the smallest gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")

PRESETS = {
    "AdaGrad, the lecture": (
        update_rules.scale_by_adagrad(),
        lambda g: g / (abs(g) + 1e-7),
    ),
    "AdaGrad, torch": (
        update_rules.scale_by_adagrad(eps=1e-10),
        lambda g: g / (abs(g) + 1e-10),
    ),
    "AdaGrad, optax": (
        update_rules.scale_by_adagrad(initial_accumulator=0.1, eps_in_sqrt=True),
        lambda g: g / np.sqrt(0.1 + g * g + 1e-7),
    ),
    "RMSProp, the lecture": (
        update_rules.scale_by_rmsprop(),
        lambda g: g / (0.1 * abs(g) + 1e-7),
    ),
    "RMSProp, torch": (
        update_rules.scale_by_rmsprop(eps=1e-8),
        lambda g: g / (0.1 * abs(g) + 1e-8),
    ),
    "RMSProp, optax": (
        update_rules.scale_by_rmsprop(decay=0.9, eps=1e-8, eps_in_sqrt=True),
        lambda g: g / np.sqrt(0.1 * g * g + 1e-8),
    ),
    "Adam": (update_rules.scale_by_adam(), lambda g: g / (abs(g) + 1e-8)),
}


def first(rule, gradient):
    gradient = jnp.asarray(gradient)
    return rule.update(gradient, rule.init(gradient))[0]


@pytest.mark.parametrize("name", PRESETS)
def test_the_first_step_is_that_of_the_formula(name):
    rule, formula = PRESETS[name]
    gradients = np.array([-1e4, -1.0, 1e-4, 1e-8, -1e-12])
    np.testing.assert_allclose(first(rule, gradients), formula(gradients), rtol=1e-10)


def test_adagrad_starts_with_the_whole_rate_only_from_an_empty_accumulator():
    gradients = np.array([1e-3, 1.0, -30.0])
    empty = first(update_rules.scale_by_adagrad(eps=0.0), gradients)
    np.testing.assert_allclose(empty, np.sign(gradients), rtol=1e-12)
    filled = update_rules.scale_by_adagrad(eps=0.0, initial_accumulator=0.1)
    assert abs(first(filled, gradients)[0]) < 0.01


def test_the_velocity_starts_with_the_whole_gradient_where_an_average_has_a_share():
    gradient = np.array([2.0, -3.0])
    velocity = first(update_rules.scale_by_momentum(decay=0.9), gradient)
    np.testing.assert_array_equal(velocity, gradient)
    average = first(optax.ema(0.9, debias=False), gradient)
    np.testing.assert_allclose(average, gradient / 10, rtol=1e-12)


def test_adam_can_be_differentiated_where_a_gradient_was_seen():
    rule = update_rules.scale_by_adam(eps=0.5)
    for gradient in (-2.0, 0.1):
        slope = jax.grad(lambda g: first(rule, g))(gradient)
        assert slope == pytest.approx(0.5 / (abs(gradient) + 0.5) ** 2, rel=1e-12)


@pytest.mark.parametrize(
    "make", (update_rules.scale_by_adagrad, update_rules.scale_by_rmsprop)
)
def test_with_eps_in_the_root_a_step_can_be_differentiated_at_zero(make):
    rule = make(eps=0.04, eps_in_sqrt=True)
    slope = jax.grad(lambda g: first(rule, g))(0.0)
    assert slope == pytest.approx(5.0, rel=1e-12)
