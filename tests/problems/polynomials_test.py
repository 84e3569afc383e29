import numpy as np
import optax
import pytest
from numpy.polynomial import chebyshev

from lec7 import problems
from lec7.problems import polynomials

SEEDS = range(5)


@pytest.mark.parametrize("degree", [3, 4, 7])
def test_a_chebyshev_polynomial_is_stationary_at_its_known_points(degree):
    found = polynomials.analyse(np.eye(degree + 1)[degree])
    exact = np.sort(np.cos(np.pi * np.arange(1, degree) / degree))
    np.testing.assert_allclose(found.points, exact, atol=1e-12)
    np.testing.assert_allclose(np.abs(found.values), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(found.curvatures > 0, found.values < 0)


def test_the_lowest_minimum_is_the_lowest_on_a_fine_grid():
    for seed in SEEDS:
        coefficients = polynomials.draw(seed)
        found = polynomials.analyse(coefficients)
        x = np.linspace(*found.span, 20_001)
        values = chebyshev.chebval(x, coefficients)
        np.testing.assert_allclose(found.lowest, x[values.argmin()], atol=1e-3)
        assert found.lowest in found.minima


def test_the_losses_are_the_polynomials_and_the_rates_are_stable():
    losses, rates = polynomials.on_starts(SEEDS, 3)
    assert losses.starts.shape == (15, 1)
    drawn = [polynomials.draw(seed) for seed in SEEDS for _ in range(3)]
    exact = [
        chebyshev.chebval(z, each)
        for z, each in zip(losses.starts[:, 0], drawn, strict=True)
    ]
    np.testing.assert_allclose(losses.at(losses.starts), exact, rtol=1e-9, atol=1e-9)
    path = problems.descend(optax.sgd, losses, 200, rates=rates)
    assert np.all(np.diff(path.losses, axis=1) < 1e-12)
