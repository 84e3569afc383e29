"""How far a step of Adam can go, where it goes wrong, and when it is RMSProp."""

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


def test_a_gradient_after_a_long_silence_gives_a_step_of_3_16_rates():
    gradients = jnp.zeros(20_000).at[-1].set(-1e-3)
    steps = updates_of(update_rules.adam(0.1, eps=0.0), gradients)
    assert not np.any(steps[:-1])
    assert steps[-1] == pytest.approx(0.1 * 0.1 / np.sqrt(0.001), rel=1e-8)


def test_no_step_is_longer_than_that_of_gradients_that_grow_by_b2_over_b1():
    # Cauchy and Schwarz: m^2 <= v (1 - b1)^2 / (1 - b2) / (1 - b1^2 / b2), which is
    # more than the paper's sec. 2.1 allows, m^2 <= v (1 - b1)^2 / (1 - b2).
    b1, b2 = 0.9, 0.999
    rule = update_rules.adam(1.0, b1=b1, b2=b2, eps=0.0, bias_correction=False)
    bound = (1 - b1) / np.sqrt(1 - b2) / np.sqrt(1 - b1**2 / b2)
    growing = (b2 / b1) ** np.arange(-300.0, 1)
    assert -updates_of(rule, growing)[-1] == pytest.approx(bound, rel=1e-10)
    assert bound == pytest.approx(7.27, rel=1e-3)
    heavy_tailed = np.random.default_rng(0).normal(size=(500, 50)) ** 9
    assert 3 < np.max(np.abs(updates_of(rule, heavy_tailed))) < bound


@pytest.mark.parametrize(
    ("scale_by", "end"),
    [(update_rules.scale_by_adam, 1.0), (optax.scale_by_amsgrad, -1.0)],
    ids=("adam", "amsgrad"),
)
def test_adam_goes_to_the_worst_point_of_a_convex_problem(scale_by, end):
    # On [-1, 1] the losses are 4 x, -x, -x and over again: x = -1 is the best.
    rule = scale_by(b1=0.0, b2=1 / 17)

    def step(carry, t):
        x, state = carry
        gradient = jnp.where(t % 3 == 1, 4.0, -1.0)
        update, state = rule.update(gradient, state)
        x = jnp.clip(x - 0.5 / jnp.sqrt(t) * update, -1, 1)
        return (x, state), x

    x = jnp.zeros([])
    _, path = jax.lax.scan(step, (x, rule.init(x)), jnp.arange(1.0, 9001))
    np.testing.assert_allclose(path[-30:], np.full(30, end), rtol=0, atol=0.02)


def test_without_a_first_moment_adam_is_rmsprop():
    gradients = np.random.default_rng(0).normal(size=(50, 3))
    options = {"b1": 0.0, "b2": 0.97, "eps": 0.01}
    almost = update_rules.scale_by_adam(**options, bias_correction=False)
    rmsprop = update_rules.scale_by_rmsprop(decay=0.97, eps=0.01)
    np.testing.assert_allclose(
        *(updates_of(rule, gradients) for rule in (almost, rmsprop)), rtol=1e-12
    )
    corrected = optax.scale_by_rms(0.97, 0.01, eps_in_sqrt=False, bias_correction=True)
    np.testing.assert_allclose(
        updates_of(update_rules.scale_by_adam(**options), gradients),
        updates_of(corrected, gradients),
        rtol=1e-12,
    )
