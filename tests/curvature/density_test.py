import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature
from lec7.curvature import estimates

KEY = jax.random.key(0)


def symmetric(spectrum, seed=0):
    shape = (len(spectrum), len(spectrum))
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=shape))[0]
    return (basis * spectrum) @ basis.T


def smoothed(spectrum, found):
    distance = (np.asarray(found.grid)[:, None] - spectrum) / found.width
    kernels = np.exp(-(distance**2) / 2) / (found.width * np.sqrt(2 * np.pi))
    return kernels.mean(axis=1)


SPECTRUM = np.append(np.linspace(-0.1, 0.12, 57), [1.0, 2.0, 4.0])


def test_the_moments_are_exact_up_to_twice_the_order(float64, quadratic):
    matrix, order = symmetric(np.linspace(-1, 1.5, 60)), 6
    op = quadratic(matrix)
    found = curvature.spectral_density(op, key=KEY, order=order, probes=3)
    values, weights = np.asarray(found.values), np.asarray(found.weights)
    z = np.asarray(estimates.rademacher(op, KEY, 3))
    powers = z
    for degree in range(2 * order):
        exact = (z * powers).sum(axis=1) / 60
        nodes = (weights * values**degree).sum(axis=1)
        chex.assert_trees_all_close(nodes, exact, rtol=1e-10, atol=1e-13)
        powers = powers @ matrix
    wrong = (weights * values ** (2 * order)).sum(axis=1)
    assert not np.allclose(wrong, (z * powers).sum(axis=1) / 60, rtol=1e-6)


def test_few_distinct_eigenvalues_are_found_exactly_with_their_shares(
    float64, quadratic
):
    spectrum = np.repeat([-2.0, -1.0, 0.5, 3.0], [4, 26, 26, 4])
    found = curvature.spectral_density(
        quadratic(symmetric(spectrum)), key=KEY, probes=3
    )
    heavy = np.asarray(found.weights) > 1e-12
    assert (heavy.sum(axis=1) == 4).all()
    values = np.asarray(found.values)[heavy].reshape(3, 4)
    expected = np.tile([-2.0, -1.0, 0.5, 3.0], (3, 1))
    chex.assert_trees_all_close(values, expected, atol=1e-11)
    total = np.asarray(found.weights).sum(axis=1)
    chex.assert_trees_all_close(total, np.ones(3), atol=1e-13)


@pytest.mark.parametrize("value", [1.0, 0.0, -3.0])
def test_the_identity_ends_the_process_at_the_first_step(float64, quadratic, value):
    found = curvature.spectral_density(quadratic(value * np.eye(60)), key=KEY, probes=3)
    weights, values = np.asarray(found.weights), np.asarray(found.values)
    chex.assert_trees_all_close(weights[:, 0], np.ones(3), atol=1e-14)
    chex.assert_trees_all_close(values, np.full((3, 60), value), atol=1e-14)
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=1e-5)


def test_the_density_is_that_of_the_spectrum_within_its_error(float64, quadratic):
    found = curvature.spectral_density(
        quadratic(symmetric(SPECTRUM)), key=KEY, probes=40, width=0.02
    )
    expected = smoothed(SPECTRUM, found)
    density, error = np.asarray(found.density), np.asarray(found.error)
    assert np.trapezoid(density, found.grid) == pytest.approx(1, abs=1e-5)
    seen = expected > 0.01
    deviation = (density - expected)[seen] / error[seen]
    assert np.abs(deviation).max() < 4
    assert 0.5 < np.sqrt(np.mean(deviation**2)) < 2
    chex.assert_trees_all_close(density[~seen], expected[~seen], atol=0.02)


def test_an_outlier_has_one_ritz_value_and_no_ghost(quadratic):
    matrix = symmetric(SPECTRUM).astype(np.float32)
    found = curvature.spectral_density(quadratic(matrix), key=KEY, probes=3)
    values, weights = np.asarray(found.values), np.asarray(found.weights)
    for outlier in (1.0, 2.0, 4.0):
        near = (np.abs(values - outlier) < 0.01) & (weights > 1e-6)
        assert (near.sum(axis=1) == 1).all()


def linear_regression(w, batch):
    return jnp.mean((batch @ w) ** 2) / 2


def test_gaussian_regression_has_the_marchenko_pastur_density():
    count, size = 1200, 300
    rng = np.random.default_rng(0)
    examples = rng.normal(size=(count, size)).astype(np.float32)
    op = curvature.hessian(linear_regression, jnp.zeros(size), [examples])
    found = curvature.spectral_density(op, key=KEY, order=60, probes=12, width=0.1)
    ratio = size / count
    low, high = (1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2
    x = np.linspace(low, high, 2000)[1:-1]
    law = np.sqrt((high - x) * (x - low)) / (2 * np.pi * ratio * x)
    kernels = np.exp(-(((np.asarray(found.grid)[:, None] - x) / 0.1) ** 2) / 2)
    expected = kernels @ law * (x[1] - x[0]) / (0.1 * np.sqrt(2 * np.pi))
    seen = np.asarray(found.weights) > 1e-6
    nodes = np.asarray(found.values)[seen]
    assert abs(nodes.min() - low) < 0.02
    assert abs(nodes.max() - high) < 0.05
    gap = np.trapezoid(np.abs(found.density - expected), found.grid)
    assert gap < 0.06


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probes": 1}, "probes is 1; expected an integer >= 2"),
        ({"order": 0}, "order is 0; expected an integer >= 1"),
        ({"width": 0.0}, "width is 0.0; expected a number > 0"),
    ],
)
def test_arguments_out_of_range_are_refused(quadratic, options, message):
    with pytest.raises(ValueError, match=message):
        curvature.spectral_density(quadratic(np.eye(2)), key=KEY, **options)
