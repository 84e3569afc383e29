import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")


def updates_of(rule, gradients):
    def step(state, gradient):
        updates, state = rule.update(gradient, state)
        return state, updates

    return jax.lax.scan(step, rule.init(gradients[0]), gradients)[1]


def test_a_constant_gradient_leads_to_the_terminal_speed():
    t = np.arange(1, 301)
    speeds = -updates_of(update_rules.momentum(0.1, decay=0.9), jnp.full(300, 3.0))
    np.testing.assert_allclose(speeds, 0.1 * 3 * (1 - 0.9**t) / (1 - 0.9), rtol=1e-12)
    assert speeds[-1] == pytest.approx(10 * 0.1 * 3)


def test_the_velocity_is_a_weighted_sum_of_past_gradients():
    gradients = np.random.default_rng(0).normal(size=(20, 3))
    velocities = updates_of(update_rules.scale_by_momentum(decay=0.8), gradients)
    t = np.arange(20)
    weights = np.tril(0.8 ** np.abs(t[:, None] - t))
    np.testing.assert_allclose(velocities, weights @ gradients, rtol=1e-12)


def test_after_a_drop_of_the_rate_the_order_of_the_halves_decides_the_speed():
    def dropping(step):
        return jnp.where(step < 200, 1.0, 0.1)

    outside = update_rules.momentum(dropping, decay=0.9)
    inside = optax.chain(
        optax.scale_by_learning_rate(dropping),
        update_rules.scale_by_momentum(decay=0.9),
    )
    gradients = jnp.ones(201)
    assert -updates_of(outside, gradients)[-1] == pytest.approx(1.0)
    assert -updates_of(inside, gradients)[-1] == pytest.approx(0.9 * 10 + 0.1)
