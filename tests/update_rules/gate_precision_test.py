"""The gate that every update rule passes in every precision."""

import functools

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

from tests.update_rules.gated_rules import RATE, RULES, build, every_rule, parameters

DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")

every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def dtypes(tree):
    return jax.tree.map(lambda x: (x.dtype, x.weak_type), tree)


@functools.cache
def compiled_step(name, dtype):
    """A step whose hyper-parameters are arguments."""
    del dtype
    factory, _ = RULES[name]

    @jax.jit
    def step(hyperparameters, gradients, state, params):
        rule = factory(**hyperparameters)
        return rule.update(
            gradients, state, params, grad_fn=lambda _: gradients, unknown="ignored"
        )

    return step


def compiled_steps(name, dtype, *, scales):
    """Updates and state for every scale of the gradient, all rates in float64."""
    step = compiled_step(name, dtype)
    params = parameters(dtype)
    state = build(name).init(params)
    results = [(params, state)]
    for i, scale in enumerate(scales):
        hyperparameters = {"learning_rate": RATE / (i + 1), **RULES[name][1]}
        hyperparameters = jax.tree.map(jnp.float64, hyperparameters)
        gradients = jax.tree.map(lambda x, s=scale: (s * x).astype(x.dtype), params)
        updates, state = step(hyperparameters, gradients, state, params)
        results.append((updates, state))
    assert step._cache_size() == 1
    return results


@pytest.mark.usefixtures("float64")
@every_rule
@every_dtype
def test_dtypes_are_kept_and_a_second_step_compiles_nothing(name, dtype):
    before, *after = compiled_steps(name, dtype, scales=(1, 2))
    for result in after:
        assert dtypes(result) == dtypes(before)


@pytest.mark.usefixtures("float64")
@every_rule
@every_dtype
def test_a_zero_gradient_never_gives_a_nan(name, dtype):
    _, *after = compiled_steps(name, dtype, scales=(0, 0, 1, 0))
    chex.assert_tree_all_finite(after)
    if "rate" not in RULES[name][1]:  # A decay moves without a gradient.
        chex.assert_trees_all_equal(after[0][0], optax.tree.zeros_like(after[0][0]))


@every_rule
@pytest.mark.parametrize("dtype", ("float16", "bfloat16"))
def test_the_state_of_half_precision_is_that_of_float32(name, dtype):
    rule, states = build(name), []
    for precision in (dtype, "float32"):
        params = parameters(precision)
        state = rule.init(params)
        for _ in range(3):
            _, state = rule.update(params, state, params, grad_fn=optax.tree.ones_like)
        states.append(state)
    chex.assert_trees_all_equal(*states)
