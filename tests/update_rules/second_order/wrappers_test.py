"""Inside optax's wrappers a second-order rule goes where it goes alone."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

from lec7 import update_rules

RULES = {
    "newton": update_rules.newton,
    "newton_cg": update_rules.newton_cg,
    "bfgs": update_rules.bfgs,
    "lbfgs": update_rules.lbfgs,
}
START = {"a": jnp.array([0.5, -1.0]), "b": jnp.array([2.0])}
WRAPPERS = {
    "chain": lambda rule: optax.chain(rule, optax.identity()),
    "masked": lambda rule: optax.masked(rule, {"a": True, "b": True}),
    "partition": lambda rule: optax.partition({"all": rule}, {"a": "all", "b": "all"}),
}


def loss(params):
    a, b = params["a"], params["b"]
    return jnp.sum((a - 1) ** 2 * jnp.array([1.0, 5.0])) + jnp.sum(jnp.cosh(b - a[0]))


def descend(rule, calls):
    """Return the parameters after every call of `update`."""

    @jax.jit
    def step(params, state):
        value, grad = jax.value_and_grad(loss)(params)
        updates, state = rule.update(
            grad, state, params, value=value, grad=grad, value_fn=loss
        )
        return optax.apply_updates(params, updates), state

    params, state, path = START, rule.init(START), []
    for _ in range(calls):
        params, state = step(params, state)
        path.append(params)
    return path


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", RULES)
def test_a_wrapper_changes_nothing(name, wrapper, float64):
    alone = descend(RULES[name](), 3)
    wrapped = descend(WRAPPERS[wrapper](RULES[name]()), 3)
    chex.assert_trees_all_close(alone, wrapped, rtol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_two_equal_gradients_are_one_step(name, float64):
    alone = descend(RULES[name](), 2)
    accumulated = descend(optax.MultiSteps(RULES[name](), every_k_schedule=2), 4)
    chex.assert_trees_all_close(alone, accumulated[1::2], rtol=1e-6)


def test_the_damping_of_newton_can_be_injected(float64):
    alone = descend(update_rules.newton(damping=0.5), 3)
    injected = descend(optax.inject_hyperparams(update_rules.newton)(damping=0.5), 3)
    chex.assert_trees_all_close(alone, injected, rtol=1e-12)
