import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")


def updates_of(rule, gradients):
    def step(state, gradient):
        updates, state = rule.update(gradient, state)
        return state, updates

    return jax.lax.scan(step, rule.init(gradients[0]), gradients)[1]


@pytest.mark.parametrize("gradient", (-1e-3, 5.0))
def test_a_constant_gradient_gives_steps_of_the_rate_over_root_t(gradient):
    steps = updates_of(update_rules.adagrad(0.1, eps=0.0), jnp.full(100, gradient))
    expected = -0.1 * np.sign(gradient) / np.sqrt(np.arange(1, 101))
    np.testing.assert_allclose(steps, expected, rtol=1e-12)


def test_steep_and_flat_coordinates_progress_alike():
    gradients = np.random.default_rng(0).normal(size=(30, 1)) * np.array([1e-4, 1, 1e4])
    steps = updates_of(update_rules.adagrad(0.1, eps=0.0), gradients)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(3, axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "denominator"),
    [
        ({"eps": 0.01}, 0.5 + 0.01),
        ({"eps": 0.01, "eps_in_sqrt": True}, np.sqrt(0.25 + 0.01)),
        ({"eps": 0.01, "initial_accumulator": 0.1}, np.sqrt(0.1 + 0.25) + 0.01),
    ],
    ids=str,
)
def test_the_first_step_shows_where_eps_and_the_accumulator_are(options, denominator):
    gradient = jnp.array(0.5)
    rule = update_rules.scale_by_adagrad(**options)
    update, _ = rule.update(gradient, rule.init(gradient))
    assert update == pytest.approx(0.5 / denominator, rel=1e-12)


def test_a_complex_gradient_is_divided_by_its_modulus():
    gradient = jnp.array([3.0 + 4.0j])
    rule = update_rules.adagrad(1.0, eps=0.0)
    update, _ = rule.update(gradient, rule.init(gradient))
    np.testing.assert_allclose(update, [-0.6 - 0.8j], rtol=1e-12)
