"""With the options of its docstring's table every rule is optax's."""

import chex
import jax
import optax
import pytest

from lec7 import update_rules
from tests.update_rules.small_network import STEPS, gradient, parameters


def decaying(step):
    return 0.1 / (1 + 0.05 * step)


def trajectory(rule):
    def step(carry, _):
        x, state = carry
        updates, state = rule.update(gradient(x), state, x)
        x = optax.apply_updates(x, updates)
        return (x, state), x

    x = parameters()
    return jax.lax.scan(step, (x, rule.init(x)), length=STEPS)[1]


PAIRS = {
    "sgd": (update_rules.sgd(decaying), optax.sgd(decaying)),
    "momentum": (
        update_rules.momentum(decaying, decay=0.8),
        optax.sgd(decaying, momentum=0.8),
    ),
    "nesterov at a constant rate": (
        update_rules.nesterov(0.05, decay=0.8),
        optax.sgd(0.05, momentum=0.8, nesterov=True),
    ),
    "nesterov in the other order": (
        optax.chain(
            update_rules.scale_by_nesterov(decay=0.8),
            optax.scale_by_learning_rate(decaying),
        ),
        optax.sgd(decaying, momentum=0.8, nesterov=True),
    ),
    "adagrad": (
        update_rules.adagrad(decaying, initial_accumulator=0.1, eps_in_sqrt=True),
        optax.adagrad(decaying),
    ),
    "rmsprop": (
        update_rules.rmsprop(decaying, decay=0.9, eps=1e-8, eps_in_sqrt=True),
        optax.rmsprop(decaying),
    ),
    "adam": (update_rules.adam(decaying), optax.adam(decaying)),
    "adam, b1 = 0": (
        update_rules.adam(decaying, b1=0.0, b2=0.9),
        optax.rmsprop(decaying, eps_in_sqrt=False, bias_correction=True),
    ),
    "almost adam": (
        update_rules.adam(decaying, b1=0.0, b2=0.9, bias_correction=False),
        optax.rmsprop(decaying, eps_in_sqrt=False),
    ),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", PAIRS)
def test_the_trajectory_is_that_of_optax(name):
    ours, theirs = jax.jit(lambda: tuple(map(trajectory, PAIRS[name])))()
    chex.assert_trees_all_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("float64")
def test_nesterov_under_a_schedule_is_not_that_of_optax():
    pair = (
        update_rules.nesterov(decaying, decay=0.8),
        optax.sgd(decaying, momentum=0.8, nesterov=True),
    )
    ours, theirs = jax.jit(lambda: tuple(map(trajectory, pair)))()
    assert optax.tree.norm(optax.tree.sub(ours, theirs), ord="inf") > 1e-3
