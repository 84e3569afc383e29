"""The preconditioner is what the rule divides by, for every rule that has one."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import curvature, update_rules

EPS, RATE = 1e-3, 0.1
RULES = {  # without a first moment, so that one update shows the denominator
    "optax.adam": (optax.adam(RATE, b1=0.0, b2=0.9, eps=EPS), {"b2": 0.9}),
    "optax.amsgrad": (
        optax.chain(
            optax.scale_by_amsgrad(b1=0.0, b2=0.9, eps=EPS, bias_correction_nu=False),
            optax.scale(-RATE),
        ),
        {"b2": None},
    ),
    "optax.rmsprop": (optax.rmsprop(RATE, eps=EPS), {"b2": None, "eps_in_sqrt": True}),
    "optax.rmsprop, corrected": (
        optax.rmsprop(
            RATE, decay=0.9, eps=EPS, eps_in_sqrt=False, bias_correction=True
        ),
        {"b2": 0.9},
    ),
    "optax.inject_hyperparams": (
        optax.inject_hyperparams(optax.adam)(RATE, b1=0.0, b2=0.9, eps=EPS),
        {"b2": 0.9},
    ),
    "adam": (update_rules.adam(RATE, b1=0.0, b2=0.9, eps=EPS), {"b2": 0.9}),
    "almost adam": (
        update_rules.adam(RATE, b1=0.0, b2=0.9, eps=EPS, bias_correction=False),
        {"b2": None},
    ),
    "rmsprop": (update_rules.rmsprop(RATE, eps=EPS), {"b2": None}),
    "adagrad": (update_rules.adagrad(RATE, eps=EPS), {"b2": None}),
}


@pytest.mark.parametrize("name", RULES)
def test_the_preconditioner_is_the_denominator_of_the_update(name):
    rule, options = RULES[name]
    params = {"w": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "b": jnp.array([0.1, 0.2])}
    state = rule.init(params)
    for step in range(1, 4):
        g = jax.tree.map(lambda p, step=step: jnp.cos(step * p) * p, params)
        updates, state = rule.update(g, state, params)
    expected = jax.tree.map(lambda g, u: -RATE * g / u, g, updates)
    p = curvature.preconditioner(state, eps=EPS, **options)
    chex.assert_trees_all_close(p, expected, rtol=2e-5)


def matrix():
    factor = np.random.default_rng(0).normal(size=(4, 4))
    return factor + factor.T


def test_the_preconditioned_operator_has_the_eigenvalues_of_p_inverse_a(
    float64, quadratic
):
    diagonal = jnp.array([0.1, 1.0, 3.0, 20.0])
    op = curvature.precondition(quadratic(matrix()), diagonal)
    curvature.verify(op)
    roots = np.diag(np.asarray(diagonal) ** -0.5)
    chex.assert_trees_all_close(
        np.asarray(op.to_dense()), roots @ matrix() @ roots, atol=1e-13
    )
    values = np.sort(np.linalg.eigvals(np.diag(1 / np.asarray(diagonal)) @ matrix()))
    top = curvature.top_eigenpairs(op, 4, key=jax.random.key(0), tol=1e-10)
    chex.assert_trees_all_close(np.asarray(top.values), values[::-1].real, atol=1e-10)


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_adam_is_stable_up_to_38_over_its_rate_in_its_own_metric(
    float64, quadratic, factor
):
    """With the second moment frozen, momentum 0.9 of weight 0.1 has that limit."""
    diagonal = jnp.array([0.1, 1.0, 3.0, 20.0])
    hessian = matrix() @ matrix()
    op = curvature.precondition(quadratic(hessian), diagonal)
    top = curvature.top_eigenpairs(op, 1, key=jax.random.key(0), tol=1e-10).values[0]
    rate, eye, zero = factor * 38 / float(top), np.eye(4), np.zeros((4, 4))
    scaled = hessian / np.asarray(diagonal)[:, None]
    # m <- .9 m + .1 H x; x <- x - a P^-1 m, as one matrix on (x, m) with P^-1 inside m.
    step = np.block(
        [
            [eye - 0.1 * rate * scaled, -0.9 * rate * eye],
            [0.1 * scaled, 0.9 * eye + zero],
        ]
    )
    radius = np.abs(np.linalg.eigvals(step)).max()
    assert (radius > 1 + 1e-6) == (factor > 1)


def test_states_without_one_second_moment_are_refused():
    params = jnp.ones(2)
    with pytest.raises(ValueError, match="state holds 0 second moments; expected one"):
        curvature.preconditioner(optax.sgd(0.1).init(params), b2=None, eps=0.0)
    two = optax.chain(optax.scale_by_adam(), optax.scale_by_rms()).init(params)
    with pytest.raises(ValueError, match="state holds 2 second moments"):
        curvature.preconditioner(two, b2=None, eps=0.0)
    with pytest.raises(ValueError, match="the state has counted 0: give b2=None"):
        curvature.preconditioner(optax.adam(0.1).init(params), b2=0.9, eps=0.0)


def test_a_diagonal_that_is_no_metric_is_refused(quadratic):
    op = quadratic(np.eye(3))
    with pytest.raises(ValueError, match="has 0.0; expected numbers > 0: has the rule"):
        curvature.precondition(op, jnp.array([1.0, 0.0, 2.0]))
    with pytest.raises(ValueError, match=r"the diagonal has shape .*; expected \(3,\)"):
        curvature.precondition(op, jnp.ones(2))
