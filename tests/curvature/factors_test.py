"""Gauss-Newton, Fisher and the moments of gradients, against their dense matrices."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lec7 import curvature
from tests.curvature.small_losses import (
    CLASSES,
    cross_entropy,
    float64_network,
    float64_problem,
    network,
    problem,
    slopes,
    split,
)

CONV_NET = pytest.param("conv_net", marks=pytest.mark.slow)


def unequal_batches(name):
    return split(float64_network(name)[2], 4, 8)


@functools.cache
def dense_ggn(name):
    logits_fn, params, _ = float64_network(name)
    batches = unequal_batches(name)
    op = curvature.ggn(logits_fn, cross_entropy, params, batches, check=True)
    return np.asarray(op.to_dense())


@pytest.mark.parametrize("name", ["mlp", CONV_NET])
def test_the_gauss_newton_matrix_is_j_transposed_h_j(float64, name):
    p, jacobian, _ = slopes(name)
    inner = p[:, :, None] * (np.eye(CLASSES) - p[:, None, :])
    expected = np.einsum("nkp,nkl,nlq->pq", jacobian, inner, jacobian) / len(p)
    chex.assert_trees_all_close(dense_ggn(name), expected, atol=1e-13)


def test_the_fisher_information_is_the_mean_over_labels_of_the_model(float64):
    p, _, scores = slopes("mlp")
    expected = np.einsum("nk,nkp,nkq->pq", p, scores, scores) / len(p)
    logits_fn, params, _ = float64_network("mlp")
    op = curvature.fisher(logits_fn, params, unequal_batches("mlp"), check=True)
    chex.assert_trees_all_close(np.asarray(op.to_dense()), expected, atol=1e-13)
    chex.assert_trees_all_close(dense_ggn("mlp"), expected, atol=1e-13)


def gradients(name):
    """Return the gradient of the loss of each example, [N, P]."""
    labels = np.asarray(float64_network(name)[2][1])
    return -slopes(name)[2][np.arange(len(labels)), labels]


@pytest.mark.parametrize("name", ["mlp", CONV_NET])
def test_the_empirical_fisher_is_the_second_moment_of_the_gradients(float64, name):
    loss_fn, params, _, _ = float64_problem(name)
    op = curvature.empirical_fisher(loss_fn, params, unequal_batches(name), check=True)
    expected = gradients(name).T @ gradients(name) / len(gradients(name))
    chex.assert_trees_all_close(np.asarray(op.to_dense()), expected, atol=1e-13)


def test_the_covariance_and_the_mean_are_those_of_the_gradients(float64):
    loss_fn, params, _, _ = float64_problem("mlp")
    where = (loss_fn, params, unequal_batches("mlp"))
    op = curvature.gradient_covariance(*where, check=True)
    expected = np.cov(gradients("mlp").T, bias=True)
    chex.assert_trees_all_close(np.asarray(op.to_dense()), expected, atol=1e-13)
    mean = np.asarray(ravel_pytree(curvature.gradient(*where))[0])
    chex.assert_trees_all_close(mean, gradients("mlp").mean(axis=0), atol=1e-14)


def test_one_example_has_a_gauss_newton_matrix_of_rank_classes_minus_one(float64):
    logits_fn, params, examples = float64_network("mlp")
    one = split(examples, 1)[:1]
    op = curvature.ggn(logits_fn, cross_entropy, params, one)
    values = np.linalg.eigvalsh(op.to_dense())
    assert int((values > 1e-10).sum()) == CLASSES - 1
    assert float(values[0]) > -1e-12


def scalar_model(w, batch):
    return batch @ w


@pytest.mark.parametrize(
    ("distribution", "weight"),
    [("gaussian", np.ones_like), ("bernoulli", lambda p: p * (1 - p))],
)
def test_generalised_linear_models_have_closed_form_information(
    float64, distribution, weight
):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(9, 4)), rng.normal(size=4)
    op = curvature.fisher(scalar_model, w, np.split(x, [5]), distribution=distribution)
    expected = x.T @ (weight(1 / (1 + np.exp(-x @ w)))[:, None] * x) / 9
    chex.assert_trees_all_close(np.asarray(op.to_dense()), expected, atol=1e-14)


def members(name, pattern):
    """Return the indices of the parameters whose path has a pattern."""
    leaves = jax.tree.leaves_with_path(float64_network(name)[1])
    hits = [
        np.full(x.size, pattern in jax.tree_util.keystr(path)) for path, x in leaves
    ]
    return np.flatnonzero(np.concatenate(hits))


# The outputs of a ReLU network are piecewise linear in the parameters of any one layer.
@pytest.mark.parametrize(
    ("name", "layer", "equal"),
    [
        *(
            pytest.param("conv_net", layer, equal, marks=pytest.mark.slow)
            for layer, equal in (
                ("Conv_0", True),
                ("BatchNorm_0", True),
                ("Dense_0", True),
                ("", False),
            )
        ),
        ("mlp", "Dense_1", True),
        ("mlp", "Dense_0", False),
    ],
)
def test_the_hessian_of_a_layer_that_acts_linearly_is_gauss_newton(
    float64, name, layer, equal
):
    block = np.ix_(members(name, layer), members(name, layer))
    hessian = np.asarray(float64_problem(name)[3])
    gap = np.abs(hessian - dense_ggn(name))[block].max()
    assert (float(gap) < 1e-13) == equal
    assert equal or float(gap) > 1e-3


def test_a_block_is_the_part_of_the_matrix_of_the_matching_parameters(float64):
    loss_fn, params, _, dense = float64_problem("mlp")
    dense = np.asarray(dense)
    whole = curvature.hessian(loss_fn, params, unequal_batches("mlp"))
    kernel = np.ix_(members("mlp", "kernel"), members("mlp", "kernel"))
    kernels = curvature.block(whole, "/kernel$")
    assert [*kernels.params] == ["Dense_0/kernel", "Dense_1/kernel"]
    chex.assert_trees_all_close(
        np.asarray(kernels.to_dense()), dense[kernel], atol=1e-14
    )
    top = curvature.top_eigenpairs(kernels, 1, key=jax.random.key(0), tol=1e-8)
    chex.assert_trees_all_close(
        float(top.values[0]), np.linalg.eigvalsh(dense[kernel])[-1], rtol=1e-8
    )
    with pytest.raises(
        ValueError, match="'Conv', which matches none of .*Dense_0/bias"
    ):
        curvature.block(whole, "Conv")


@pytest.mark.parametrize(
    "build",
    [
        lambda logits_fn, loss_fn, *where: curvature.ggn(
            logits_fn, cross_entropy, *where
        ),
        lambda logits_fn, loss_fn, *where: curvature.fisher(logits_fn, *where),
        lambda logits_fn, loss_fn, *where: curvature.empirical_fisher(loss_fn, *where),
        lambda logits_fn, loss_fn, *where: curvature.block(
            curvature.hessian(loss_fn, *where), "Dense"
        ),
    ],
    ids=["ggn", "fisher", "empirical_fisher", "block"],
)
def test_matrix_products_run_at_the_highest_precision_in_every_operator(build):
    loss_fn, params, examples = problem("conv_net")
    op = build(network("conv_net")[0], loss_fn, params, [examples])
    program = str(jax.make_jaxpr(op)(op.params))
    assert "Precision.HIGHEST" in program
    assert "precision=None" not in program


def test_an_unknown_distribution_is_refused():
    with pytest.raises(ValueError, match="distribution is 'poisson'; expected one of"):
        curvature.fisher(scalar_model, jnp.ones(1), [], distribution="poisson")
