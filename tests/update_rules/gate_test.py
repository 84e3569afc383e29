"""One gate that every update rule passes."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.update_rules.gated_rules import (
    RATE,
    RULES,
    build,
    every_rule,
    gradient,
    halving,
    parameters,
    run,
)

every_adaptive_rule = pytest.mark.parametrize(
    "name", [name for name, (_, options) in RULES.items() if "eps" in options]
)


@every_adaptive_rule
def test_without_eps_a_coordinate_that_saw_no_gradient_stays(name):
    factory, hyperparameters = RULES[name]
    rule = factory(RATE, **{**hyperparameters, "eps": 0.0})
    gradients = jnp.array([0.0, 1.0])
    updates, _ = rule.update(gradients, rule.init(gradients))
    assert updates[0] == 0 and updates[1] < 0


@every_adaptive_rule
def test_a_nan_in_the_state_is_not_hidden(name):
    rule, params = build(name), parameters()
    nan = optax.tree.full_like(params, jnp.nan)
    _, state = rule.update(nan, rule.init(params))
    updates, _ = rule.update(params, state)
    assert all(np.isnan(x).all() for x in jax.tree.leaves(updates))


@every_rule
def test_a_nan_in_the_gradient_is_not_hidden(name):
    rule, params = build(name), parameters()
    nan = optax.tree.full_like(params, jnp.nan)
    updates, _ = rule.update(nan, rule.init(params), params, grad_fn=lambda _: nan)
    assert all(np.isnan(x).all() for x in jax.tree.leaves(updates))


@every_rule
def test_a_constant_schedule_is_the_constant(name):
    params = parameters()
    constant, _ = run(build(name), params)
    scheduled, _ = run(build(name, lambda step: RATE), params)
    chex.assert_trees_all_close(constant, scheduled, rtol=1e-6)


@every_rule
@pytest.mark.parametrize("dtype", ("bfloat16", "float32", "complex64"))
def test_injected_hyperparameters_change_nothing(name, dtype):
    factory, hyperparameters = RULES[name]
    injected = optax.inject_hyperparams(factory)(halving, **hyperparameters)
    params = parameters(dtype)
    actual, state = run(injected, params)
    expected, _ = run(build(name, halving), params)
    assert state.hyperparams["learning_rate"] == RATE / 4
    chex.assert_trees_all_close(actual, expected, rtol=1e-6)


@every_rule
def test_vmap_over_hyperparameters_is_a_loop_over_them(name):
    factory, hyperparameters = RULES[name]
    members = {
        key: jnp.float32([value, value / 2])
        for key, value in {"learning_rate": RATE, **hyperparameters}.items()
    }
    params = parameters()
    together, _ = jax.vmap(lambda member: run(factory(**member), params))(members)
    for i in range(2):
        member = {key: float(values[i]) for key, values in members.items()}
        alone, _ = run(factory(**member), params)
        one = jax.tree.map(lambda x, i=i: x[i], together)
        chex.assert_trees_all_close(one, alone, rtol=1e-5)


@every_rule
def test_accumulated_gradients_are_one_of_the_big_batch(name):
    rule = optax.MultiSteps(build(name), every_k_schedule=4)
    params = parameters()

    @jax.jit
    def step(share, params, state):
        gradients = optax.tree.scale(share, gradient(params))
        updates, state = rule.update(gradients, state, params, grad_fn=gradient)
        return optax.apply_updates(params, updates), state

    accumulated, state = params, rule.init(params)
    for share in (0.5, 2.0, 0.25, 1.25) * 2:
        accumulated, state = step(share, accumulated, state)
    expected = run(build(name), params, steps=2)
    chex.assert_trees_all_close(
        (accumulated, state.inner_opt_state), expected, rtol=1e-5
    )


@every_rule
def test_masked_leaves_pass_and_the_others_follow_the_rule(name):
    rule, params = optax.masked(build(name), {"b": False, "w": True}), parameters()
    updates, _ = rule.update(
        gradient(params), rule.init(params), params, grad_fn=gradient
    )
    alone, _ = run(build(name), {"w": params["w"]}, steps=1)
    assert updates["b"] == gradient(params)["b"]
    chex.assert_trees_all_equal(params["w"] + updates["w"], alone["w"])


@every_rule
def test_each_part_of_a_partition_follows_its_own_rule(name):
    parts = {"slow": build(name), "fast": build(name, 2 * RATE)}
    rule, params = optax.partition(parts, {"b": "slow", "w": "fast"}), parameters()
    together, _ = run(rule, params)
    slow, _ = run(parts["slow"], {"b": params["b"]})
    fast, _ = run(parts["fast"], {"w": params["w"]})
    chex.assert_trees_all_equal(together, slow | fast)


@every_rule
def test_a_chain_passes_everything_on(name):
    params = parameters()
    chained = optax.chain(optax.clip(10.0), build(name), optax.scale(1.0))
    chex.assert_trees_all_equal(run(chained, params)[0], run(build(name), params)[0])


@every_rule
def test_map_params_reaches_the_arrays_of_the_state_and_no_counter(name):
    rule = build(name, lambda step: RATE)
    _, state = run(rule, parameters(), steps=1)
    scaled = optax.tree.map_params(rule, lambda x: 2 * x, state)
    for old, new in zip(*map(jax.tree.leaves, (state, scaled)), strict=True):
        factor = 1 if old.dtype == jnp.int32 else 2
        np.testing.assert_array_equal(new, factor * old)


BOUNDS = {
    "learning_rate": (-0.1, np.inf, np.nan, "fast", None),
    "decay": (-0.1, 1.0, np.nan, True),
    "b1": (1.0, 1 + 0j),
    "b2": (1.0, jnp.bfloat16(0.999)),
    "eps": (-1e-8, np.inf),
    "initial_accumulator": (-0.1,),
    "rate": (-0.1, np.inf),
    "rho": (-0.1, np.inf, "wide"),
    "eta": (-0.1, np.nan),
    "alpha": (-0.1, np.inf),
}
WRONG = [
    (name, key, value)
    for name in RULES
    for key in ("learning_rate", *RULES[name][1])
    for value in BOUNDS[key]
]


@pytest.mark.parametrize(("name", "key", "value"), WRONG)
def test_a_wrong_hyperparameter_is_named_when_the_rule_is_built(name, key, value):
    factory, hyperparameters = RULES[name]
    with pytest.raises(ValueError, match=f"^{key} is .*; expected a .*number "):
        factory(**{"learning_rate": RATE, **hyperparameters, key: value})


@pytest.mark.parametrize("name", RULES)
def test_a_rate_that_climbs_is_refused_with_the_way_to_climb(name):
    factory, hyperparameters = RULES[name]
    with pytest.raises(ValueError, match=r"-0.1; .*to maximise, put optax.scale\(-1"):
        factory(-0.1, **hyperparameters)


@pytest.mark.parametrize("name", RULES)
def test_the_gradient_of_an_integer_is_refused_by_what_it_is(name):
    params = {"weights": jnp.ones(2), "count": jnp.array(3)}
    gradients = jax.grad(lambda p: p["weights"] @ p["weights"], allow_int=True)(params)
    factory, hyperparameters = RULES[name]
    rule = factory(RATE, **hyperparameters)
    state = rule.init(jax.tree.map(jnp.float32, params))
    with pytest.raises(ValueError, match="float0, that of an integer parameter"):
        rule.update(gradients, state, params)
