"""A new head brings its own parameters and state; all else is kept."""

import jax
import numpy as np
import optax
import pytest

from lec7 import transfer, update_rules


def tree(rule, classes, width=4, value=0.0):
    """Return what a training carries, its floating-point leaves being one value."""
    body = {"kernel": np.full((2, width), value), "bias": np.full(width, value)}
    head = {"kernel": np.full((width, classes), value), "bias": np.full(classes, value)}
    params = {"body": body, "head": head}
    opt_state = jax.tree.map(lambda leaf: leaf + value, rule.init(params))
    stats = {"mean": np.full(width, value)}
    return {"params": params, "batch_stats": stats, "opt_state": opt_state}


@pytest.mark.parametrize(
    ("rule", "slots"),
    [
        (update_rules.momentum(0.1), 1),
        (update_rules.adam(0.1), 2),
        (transfer.freeze(transfer.rates_by_path(update_rules.adam(0.1)), "^body"), 2),
    ],
    ids=["momentum", "adam", "frozen"],
)
def test_the_head_is_new_in_parameters_and_rule_and_all_else_is_kept(rule, slots):
    old, fresh = tree(rule, classes=5, value=1.0), tree(rule, classes=3)
    found = jax.tree_util.tree_leaves_with_path(transfer.replace_head(old, fresh))
    heads = 0
    for (path, leaf), kept, initial in zip(
        found, jax.tree.leaves(old), jax.tree.leaves(fresh), strict=True
    ):
        is_head = "'head'" in jax.tree_util.keystr(path)
        heads += is_head
        assert leaf is (initial if is_head else kept), path
    assert heads == 2 * (1 + slots)


def first_step_of_the_head(rule):
    """Return the head's first step after a long training of the body."""
    params = {"body": np.ones(3), "head": {"bias": np.ones(2)}}
    initial = state = rule.init(params)
    update = jax.jit(lambda *args: rule.update(*args))
    for _ in range(200):
        _, state = update(params, state, params)
    updates, _ = update(params, transfer.replace_head(state, initial), params)
    return -updates["head"]["bias"]


def test_a_count_that_head_and_body_share_leaves_the_head_without_bias_correction():
    found = first_step_of_the_head(update_rules.adam(1.0, b2=0.98))
    corrected = np.sqrt(1 - 0.98**201) / (1 - 0.9**201)
    np.testing.assert_allclose(found, 0.1 / np.sqrt(0.02) * corrected, rtol=1e-5)


def test_a_rule_of_its_own_restarts_the_count_of_the_head():
    rule = optax.partition(
        {"head": update_rules.adam(1.0), "body": update_rules.adam(1.0)},
        {"body": "body", "head": {"bias": "head"}},
    )
    np.testing.assert_allclose(first_step_of_the_head(rule), 1.0, rtol=1e-5)


def test_what_is_kept_must_have_its_shape():
    old, new = (tree(optax.sgd(0.1), 3, width=width) for width in (4, 5))
    with pytest.raises(ValueError, match=r"has the shape \(4,\) in the trained .*\(5,"):
        transfer.replace_head(old, new)


def test_trees_of_another_structure_are_refused():
    old, new = (tree(make(0.1), 3) for make in (optax.sgd, optax.adam))
    with pytest.raises(
        ValueError, match="the trees differ in opt_state/.*same network"
    ):
        transfer.replace_head(old, new)


def test_a_network_without_such_a_head_is_refused():
    state = tree(optax.sgd(0.1), 3)
    with pytest.raises(ValueError, match="'/fc/', which matches none of"):
        transfer.replace_head(state, state, head="/fc/")
