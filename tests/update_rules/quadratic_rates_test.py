"""On a quadratic a linear rule is a matrix, whose eigenvalues are known."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.linalg
from jax.flatten_util import ravel_pytree

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")


def matrices(rule, curvature):
    """One step on .5 curvature x^2 as z -> A z + B noise, z = (x, state)."""
    x = jnp.zeros(())
    z, unravel = ravel_pytree((x, rule.init(x)))

    def step(z, noise):
        x, state = unravel(z)
        updates, state = rule.update(curvature * x + noise, state, x)
        return ravel_pytree((optax.apply_updates(x, updates), state))[0]

    return jax.jacfwd(step, argnums=(0, 1))(z, 0.0)


def radius(rule, curvature):
    matrix, _ = matrices(rule, curvature)
    return np.max(np.abs(np.linalg.eigvals(matrix)))


def stationary_variance(rule, curvature, *, noise_variance):
    matrix, noise = map(np.asarray, matrices(rule, curvature))
    return scipy.linalg.solve_discrete_lyapunov(
        matrix, noise_variance * np.outer(noise, noise)
    )[0, 0]


@pytest.mark.parametrize("position", (0.02, 0.5, 0.98))
@pytest.mark.parametrize("decay", (0.25, 0.9))
def test_momentum_decays_as_root_decay_inside_the_complex_band(decay, position):
    low, high = (1 - np.sqrt(decay)) ** 2, (1 + np.sqrt(decay)) ** 2
    curvature = (low + position * (high - low)) / 0.1
    rule = update_rules.momentum(0.1, decay=decay)
    assert radius(rule, curvature) == pytest.approx(np.sqrt(decay), rel=1e-12)


@pytest.mark.parametrize("decay", (0.0, 0.5, 0.9))
def test_momentum_is_stable_up_to_two_plus_two_decay_over_the_rate(decay):
    rule = update_rules.momentum(0.1, decay=decay)
    edge = (2 + 2 * decay) / 0.1
    assert radius(rule, edge) == pytest.approx(1, rel=1e-12)
    assert radius(rule, 0.999 * edge) < 1 < radius(rule, 1.001 * edge)


@pytest.mark.parametrize("product", (0.1, 0.5, 0.9))
def test_nesterov_decays_as_root_decay_times_one_minus_rate_curvature(product):
    rule = update_rules.nesterov(0.1, decay=0.9)
    expected = np.sqrt(0.9 * (1 - product))
    assert radius(rule, product / 0.1) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "rate"),
    [
        (update_rules.sgd(2 / 101), 99 / 101),
        (update_rules.momentum(4 / 121, decay=(9 / 11) ** 2), 9 / 11),
        (update_rules.nesterov(1 / 100, decay=9 / 11), 0.9),
        (
            update_rules.nesterov(
                4 / 301, decay=(np.sqrt(301) - 2) / (np.sqrt(301) + 2)
            ),
            1 - 2 / np.sqrt(301),
        ),
    ],
    ids=("sgd", "momentum", "nesterov", "nesterov, best for quadratics"),
)
def test_the_optimal_rate_at_condition_number_100(rule, rate):
    worst = max(radius(rule, curvature) for curvature in (1.0, 100.0))
    # A double eigenvalue is found to the root of the rounding error only.
    assert worst == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize(
    ("rule", "variance"),
    [
        (update_rules.sgd(0.1), 0.1 / (2 * (2 - 0.1 * 2))),
        (
            update_rules.momentum(0.1, decay=0.9),
            0.1 * 1.9 / (2 * 0.1 * (2 * 1.9 - 0.1 * 2)),
        ),
    ],
    ids=("sgd", "momentum"),
)
def test_the_variance_that_gradient_noise_sustains(rule, variance):
    actual = stationary_variance(rule, 2.0, noise_variance=1.0)
    assert actual == pytest.approx(variance, rel=1e-10)
