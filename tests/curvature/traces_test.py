import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature

METHODS = ("hutchinson", "hutch++")


def symmetric(size, seed=0):
    matrix = np.random.default_rng(seed).normal(size=(size, size))
    return (matrix + matrix.T) / 2


def test_one_rademacher_probe_has_twice_the_off_diagonal_mass_as_variance(
    float64, quadratic
):
    matrix, probes = symmetric(5), 3000
    estimate = curvature.trace(
        quadratic(matrix), key=jax.random.key(0), method="hutchinson", probes=probes
    )
    variance = 2 * (np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2))
    # The samples are bounded, so their variance is known to about 2 / sqrt(probes).
    assert float(estimate.standard_error**2 * probes) == pytest.approx(
        variance, rel=4 * 2 / np.sqrt(probes)
    )
    four_sigma = 4 * np.sqrt(variance / probes)
    assert float(estimate.mean) == pytest.approx(np.trace(matrix), abs=four_sigma)


def test_hutchinson_is_exact_for_a_diagonal_matrix(float64, quadratic):
    op = quadratic(np.diag([1.0, -2.0, 4.0]))
    estimate = curvature.trace(op, key=jax.random.key(0), method="hutchinson", probes=2)
    chex.assert_trees_all_close(tuple(estimate), (3.0, 0.0), atol=1e-14)


@pytest.mark.parametrize(("method", "probes"), [("hutchinson", 2), ("hutch++", 6)])
def test_the_estimate_is_unbiased_and_its_standard_error_calibrated(
    float64, quadratic, method, probes
):
    matrix = symmetric(30)
    op, runs = quadratic(matrix), 300
    estimates = [
        curvature.trace(op, key=jax.random.key(seed), method=method, probes=probes)
        for seed in range(runs)
    ]
    means, errors = map(np.array, zip(*estimates, strict=True))
    deviations = means - np.trace(matrix)
    assert abs(deviations.mean()) < 4 * means.std() / np.sqrt(runs)
    # Each of the two mean squares is known to about sqrt(2 / runs).
    ratio = np.mean(deviations**2) / np.mean(errors**2)
    assert ratio == pytest.approx(1, abs=4 * np.sqrt(2 * 2 / runs))


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_hutch_plus_plus_is_exact_up_to_a_third_of_the_probes(float64, quadratic, rank):
    factor = np.random.default_rng(1).normal(size=(rank, 25))
    matrix = factor.T @ np.diag([3.0, -1.0, 0.5][:rank]) @ factor
    estimate = curvature.trace(quadratic(matrix), key=jax.random.key(0), probes=9)
    chex.assert_trees_all_close(tuple(estimate), (np.trace(matrix), 0.0), atol=1e-11)


def test_hutch_plus_plus_is_exact_when_it_can_sketch_the_whole_space(
    float64, quadratic
):
    matrix = symmetric(4)
    estimate = curvature.trace(quadratic(matrix), key=jax.random.key(0), probes=30)
    chex.assert_trees_all_close(tuple(estimate), (np.trace(matrix), 0.0), atol=1e-12)


def test_hutch_plus_plus_is_the_better_one_for_a_few_outliers_over_a_bulk(quadratic):
    basis = np.linalg.qr(symmetric(60))[0]
    matrix = (basis * np.append(np.full(55, 0.01), np.full(5, 10.0))) @ basis.T
    plain, better = (
        curvature.trace(
            quadratic(matrix.astype(np.float32)), key=jax.random.key(0), method=method
        )
        for method in METHODS
    )
    assert better.standard_error < plain.standard_error / 30
    assert float(better.mean) == pytest.approx(50.55, rel=1e-3)


def test_the_parameters_may_be_a_tree_and_the_batches_unequal():
    def loss_fn(params, batch):
        return jnp.mean(batch) * (jnp.sum(params["a"] ** 2) + jnp.sum(params["b"] ** 3))

    params = {"a": jnp.ones((2, 3)), "b": jnp.array([1.0, 2.0])}
    op = curvature.hessian(loss_fn, params, [jnp.ones(3), jnp.full(1, 5.0)])
    estimate = curvature.trace(op, key=jax.random.key(0))
    assert float(estimate.mean) == pytest.approx(2 * (6 * 2 + 6 * (1 + 2)), rel=1e-5)


@pytest.mark.parametrize(
    ("method", "probes", "message"),
    [
        ("hutchinson", 1, "probes is 1; expected an integer >= 2"),
        ("hutch++", 3, r"probes is 3; expected an integer >= 4"),
        ("xtrace", 9, "method is 'xtrace'; expected one of"),
    ],
)
def test_arguments_out_of_range_are_refused(quadratic, method, probes, message):
    with pytest.raises(ValueError, match=message):
        curvature.trace(
            quadratic(np.eye(2)), key=jax.random.key(0), method=method, probes=probes
        )
