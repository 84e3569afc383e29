"""Momentum on .5 curvature x^2 under, at and over its critical damping."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")

RATE = 0.1


def eigenvalues(decay, curvature):
    """Of one step as a matrix on (x, velocity)."""
    rule = update_rules.momentum(RATE, decay=decay)
    z, unravel = ravel_pytree((jnp.zeros([]), rule.init(jnp.zeros([]))))

    def step(z):
        x, state = unravel(z)
        update, state = rule.update(curvature * x, state)
        return ravel_pytree((x + update, state))[0]

    return np.linalg.eigvals(jax.jacfwd(step)(z))


@pytest.mark.parametrize("product", (0.04, 0.5, 1.5, 3.0))
@pytest.mark.parametrize("decay", (0.25, 0.81))
def test_the_eigenvalues_are_the_roots_of_the_quadratic(decay, product):
    roots = np.roots([1, -(1 + decay - product), decay])
    actual = eigenvalues(decay, product / RATE)
    np.testing.assert_allclose(
        np.sort_complex(actual), np.sort_complex(roots), rtol=0, atol=1e-12
    )
    low, high = (1 - np.sqrt(decay)) ** 2, (1 + np.sqrt(decay)) ** 2
    assert np.all(np.iscomplex(actual)) == (low < product < high)


@pytest.mark.parametrize("product", (0.04, 0.25))
def test_the_decay_of_critical_damping_is_the_fastest(product):
    def radius(decay):
        return np.max(np.abs(eigenvalues(decay, product / RATE)))

    critical = (1 - np.sqrt(product)) ** 2
    # A double eigenvalue is found to the root of the rounding error only.
    assert radius(critical) == pytest.approx(1 - np.sqrt(product), abs=1e-6)
    assert min(radius(critical - 0.02), radius(critical + 0.02)) > radius(critical)
