"""A leaf learns at the rate of its path."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import transfer, update_rules

PARAMS = {
    "Conv_0": {"kernel": np.array([1.0, -2.0])},
    "Dense_0": {"kernel": np.array([3.0]), "bias": np.array([0.5])},
    "head": {"kernel": np.array([4.0])},
}


def descend(rule, steps=3):
    """Return the parameters after a descent of a quartic, whose gradient is x^3."""
    params, state = PARAMS, rule.init(PARAMS)
    for _ in range(steps):
        gradient = jax.tree.map(lambda x: x**3, params)
        updates, state = rule.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def by_hand(x, rate, *, decay=0.9, l2=0.1, steps=3):
    velocity = jnp.zeros_like(x)
    for _ in range(steps):
        velocity = decay * velocity + x**3 + l2 * x
        x = x - rate * velocity
    return x


@pytest.mark.usefixtures("float64")
def test_rates_by_path_are_those_of_sgd_written_leaf_by_leaf():
    base = optax.chain(update_rules.l2_in_loss(0.1), update_rules.momentum(0.01))
    factors = {"bias$": 2.0, "^Conv": 0.25, transfer.HEAD: 1.0, "": 0.5}
    found = descend(transfer.rates_by_path(base, factors))
    rates = {
        "Conv_0": {"kernel": 0.0025},
        "Dense_0": {"kernel": 0.005, "bias": 0.02},
        "head": {"kernel": 0.01},
    }
    chex.assert_trees_all_close(
        found, jax.tree.map(by_hand, PARAMS, rates), rtol=1e-14, atol=0
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "make", [update_rules.sgd, update_rules.adam, update_rules.nesterov]
)
def test_by_default_what_is_pretrained_learns_at_a_tenth(make):
    found = descend(transfer.rates_by_path(make(0.1)))
    slow, fast = descend(make(0.01)), descend(make(0.1))
    expected = slow | {"head": fast["head"]}
    chex.assert_trees_all_close(found, expected, rtol=1e-12)


@pytest.mark.parametrize("pattern", ["^Conv", transfer.HEAD])
def test_rates_are_by_the_paths_of_the_whole_network_also_in_a_part(pattern):
    rule = transfer.rates_by_path(optax.sgd(0.1))
    frozen, free = descend(transfer.freeze(rule, pattern)), descend(rule)
    match = transfer.matches(PARAMS, pattern)
    chex.assert_trees_all_equal(
        frozen,
        jax.tree.map(lambda m, x, y: jnp.asarray(x) if m else y, match, PARAMS, free),
    )


def test_a_negative_factor_is_refused():
    with pytest.raises(
        ValueError, match="factor of '' is -0.1; expected a finite number"
    ):
        transfer.rates_by_path(optax.sgd(0.1), {"": -0.1})
