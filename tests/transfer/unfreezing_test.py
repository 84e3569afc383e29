"""A stage begins at its step, and as if training had begun there."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import transfer, update_rules

STAGES = {transfer.HEAD: 0, "^last/": 2, "": 4}
PARAMS = {
    "first": {"kernel": np.array([1.0, -0.0])},
    "last": {"kernel": np.array([3.0])},
    "head": {"kernel": np.array([4.0]), "bias": np.array([5.0])},
}
BASE = optax.chain(update_rules.l2_in_loss(0.1), update_rules.adam(0.1))


def descend(rule, params, steps):
    """Return the parameters [T + 1] along a descent of half of their square."""
    state = rule.init(params)
    update = jax.jit(lambda *args: rule.update(*args))
    path = [jax.tree.map(jnp.asarray, params)]
    for _ in range(steps):
        updates, state = update(path[-1], state, path[-1])
        path.append(optax.apply_updates(path[-1], updates))
    assert update._cache_size() == 1
    return jax.tree.map(lambda *leaves: np.stack(leaves), *path)


def test_every_stage_is_the_rule_begun_at_its_first_step():
    staged = descend(transfer.unfreeze_in_stages(BASE, STAGES), PARAMS, 7)
    for name, first in (("head", 0), ("last", 2), ("first", 4)):
        alone = descend(BASE, PARAMS[name], 7 - first)
        begun = jax.tree.map(lambda leaf, first=first: leaf[first:], staged[name])
        chex.assert_trees_all_close(begun, alone, rtol=1e-6)
        for leaf in jax.tree.leaves(staged[name]):
            assert leaf[: first + 1].tobytes() == (first + 1) * leaf[0].tobytes()
            assert leaf[first + 1, 0] != leaf[first, 0]


def test_a_negative_step_is_refused():
    with pytest.raises(
        ValueError, match="first step of 'head' is -1; expected an integer >= 0"
    ):
        transfer.unfreeze_in_stages(BASE, {"head": -1})
