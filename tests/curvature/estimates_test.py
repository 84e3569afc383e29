"""Random estimates of a network's curvature, within their standard errors."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lec7 import curvature
from tests.curvature.small_losses import float64_problem, split

KEY = jax.random.key(3)


def symmetric(size, seed=0):
    matrix = np.random.default_rng(seed).normal(size=(size, size))
    return (matrix + matrix.T) / 2


def network_hessian():
    loss_fn, params, examples, dense = float64_problem("mlp")
    return curvature.hessian(loss_fn, params, split(examples, 4, 8)), dense


def test_estimates_of_a_network_lie_within_three_standard_errors(float64):
    op, dense = network_hessian()
    for estimate, exact in (
        (curvature.trace(op, key=KEY), jnp.trace(dense)),
        (curvature.trace(op, key=KEY, method="hutchinson"), jnp.trace(dense)),
        (curvature.frobenius_norm(op, key=KEY), jnp.linalg.norm(dense)),
    ):
        assert abs(estimate.mean - exact) < 3 * estimate.standard_error
    estimate = curvature.diagonal(op, key=KEY, probes=100)
    mean, error = (ravel_pytree(tree)[0] for tree in estimate)
    spread = ((mean - jnp.diag(dense)) / error)[error > 1e-12]
    assert float(jnp.mean(spread**2)) == pytest.approx(1, abs=0.5)
    chex.assert_trees_all_equal_shapes(estimate.mean, op.params)


def test_the_diagonal_has_the_rest_of_its_row_as_variance(float64, quadratic):
    matrix, probes = symmetric(20), 1000
    estimate = curvature.diagonal(quadratic(matrix), key=KEY, probes=probes)
    variance = (matrix**2).sum(axis=1) - np.diag(matrix) ** 2
    chex.assert_trees_all_close(
        np.asarray(estimate.standard_error**2 * probes), variance, rtol=0.4
    )
    deviation = (np.asarray(estimate.mean) - np.diag(matrix)) / np.sqrt(variance)
    assert np.abs(deviation).max() < 4 / np.sqrt(probes)


def test_the_frobenius_norm_has_a_calibrated_standard_error(float64, quadratic):
    matrix, runs = symmetric(20), 60
    estimates = [
        curvature.frobenius_norm(quadratic(matrix), key=jax.random.key(seed))
        for seed in range(runs)
    ]
    means, errors = map(np.array, zip(*estimates, strict=True))
    deviations = means - np.linalg.norm(matrix)
    ratio = np.mean(deviations**2) / np.mean(errors**2)
    assert ratio == pytest.approx(1, abs=4 * np.sqrt(2 * 2 / runs))


def test_a_diagonal_matrix_is_estimated_exactly(float64, quadratic):
    entries = np.append([3.0, -4.0, 12.0], np.zeros(17))
    op = quadratic(np.diag(entries))
    norm = curvature.frobenius_norm(op, key=KEY, probes=2)
    chex.assert_trees_all_close(tuple(norm), (13.0, 0.0), atol=1e-12)
    found = curvature.diagonal(op, key=KEY, probes=2)
    chex.assert_trees_all_close(
        tuple(found), (jnp.asarray(entries), jnp.zeros(20)), atol=1e-12
    )
    zero = curvature.frobenius_norm(quadratic(np.zeros((20, 20))), key=KEY, probes=2)
    chex.assert_trees_all_close(tuple(zero), (0.0, 0.0))


@pytest.mark.parametrize("estimator", [curvature.diagonal, curvature.frobenius_norm])
def test_one_probe_is_refused(quadratic, estimator):
    with pytest.raises(ValueError, match="probes is 1; expected an integer >= 2"):
        estimator(quadratic(np.eye(2)), key=KEY, probes=1)


def test_a_vector_lies_in_the_top_space_by_its_own_share(float64):
    op, dense = network_hessian()
    pairs = curvature.top_eigenpairs(op, 3, key=KEY, tol=1e-9)
    basis = np.linalg.eigh(dense)[1][:, ::-1][:, :3]
    v = np.random.default_rng(0).normal(size=op.size)
    unravel = ravel_pytree(op.params)[1]
    share = np.sum((basis.T @ v) ** 2) / np.sum(v**2)
    found = curvature.overlap(unravel(jnp.asarray(v)), pairs.vectors)
    assert float(found) == pytest.approx(share, rel=1e-6)
    inside, outside = basis @ basis.T @ v, v - basis @ basis.T @ v
    for vector, expected in ((inside, 1.0), (outside, 0.0), (0 * v, 0.0)):
        found = curvature.overlap(unravel(jnp.asarray(vector)), pairs.vectors)
        assert float(found) == pytest.approx(expected, abs=1e-8)
