import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import problems, update_rules

hyperbola = problems.hyperbola


@pytest.mark.parametrize("x", [0.5, 1.0, 3.0])
def test_the_curvatures_at_a_minimum_are_zero_and_the_sum_of_squares(float64, x):
    point = jnp.array([x, 1 / x])
    values = np.linalg.eigvalsh(jax.hessian(hyperbola.height)(point))
    np.testing.assert_allclose(values, [0, x**2 + x**-2], atol=1e-12)
    assert hyperbola.curvature(point) == pytest.approx(x**2 + x**-2)


def test_a_tiny_rate_ends_where_gradient_flow_does():
    losses = hyperbola.draw(3, [2.0, 3.0, 5.0], count=4, product=(0.5, 1.5))
    path = problems.descend(update_rules.sgd(1e-3), losses, 20_000)
    expected = np.tile([2.0, 3.0, 5.0], 4)
    np.testing.assert_allclose(
        hyperbola.flow_curvature(losses.starts), expected, rtol=1e-12
    )
    np.testing.assert_allclose(
        hyperbola.curvature(path.points[:, -1]), expected, rtol=2e-3
    )


def test_the_products_of_the_starts_are_in_their_range():
    losses = hyperbola.draw(0, np.full(100, 4.0), count=2, product=(0.5, 1.5))
    products = losses.starts.prod(axis=1)
    assert ((products > 0.5) & (products < 1.5)).all()
    assert np.ptp(products) > 0.8
