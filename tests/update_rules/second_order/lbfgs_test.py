import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")


class Found(NamedTuple):
    value: jax.Array
    grad: optax.Updates


def whole_step():
    """In place of a search: the step is the direction, uphill or not."""

    def update_fn(updates, state, params, *, value, grad, value_fn):
        del state, value, grad
        new_params = optax.apply_updates(params, updates)
        return updates, Found(*jax.value_and_grad(value_fn)(new_params))

    def init_fn(params):
        return Found(jnp.zeros([]), optax.tree.zeros_like(params))

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def descend(rule, loss, start, batches):
    """Points, gradients, updates and states of an update on each of T batches."""
    rule = optax.with_extra_args_support(rule)

    def step(carry, batch):
        x, state = carry

        def value_fn(x):
            return loss(x, batch)

        value, grad = jax.value_and_grad(value_fn)(x)
        updates, state = rule.update(
            grad, state, x, value=value, grad=grad, value_fn=value_fn
        )
        carry = optax.apply_updates(x, updates), state
        return carry, (x, grad, updates, state)

    @jax.jit
    def run(x, batches):
        return jax.lax.scan(step, (x, rule.init(x)), batches)[1]

    return jax.device_get(run(start, batches))


def dense_product(pairs, gradient):
    """H g of the BFGS matrix built from pairs, oldest first, on (y.s / y.y) I."""
    step, change = pairs[-1]
    inverse = np.eye(gradient.size) * (change @ step) / (change @ change)
    for step, change in pairs:
        left = np.eye(step.size) - np.outer(step, change) / (change @ step)
        inverse = left @ inverse @ left.T + np.outer(step, step) / (change @ step)
    return inverse @ gradient


@pytest.mark.parametrize("memory_size", (1, 4, 12))
def test_two_loops_are_the_dense_product_of_the_pairs_kept(memory_size):
    scales = jnp.linspace(1, 3, 6)

    def loss(x, _):
        return jnp.sum(jnp.cosh(scales * x)) + 0.5 * jnp.sum(x) ** 2

    rule = update_rules.scale_by_lbfgs(whole_step(), memory_size=memory_size)
    start = jnp.linspace(0.1, 0.5, 6)
    points, gradients, updates, state = descend(rule, loss, start, jnp.arange(12))
    np.testing.assert_array_equal(state.pairs, np.arange(1, 13))
    steps, changes = np.diff(points, axis=0), np.diff(gradients, axis=0)
    for t in range(1, 10):
        pairs = [*zip(steps[:t], changes[:t], strict=True)][-memory_size:]
        expected = -dense_product(pairs, gradients[t])
        np.testing.assert_allclose(updates[t], expected, rtol=1e-10, atol=1e-13)


def network_loss(params, batch, decay=1e-3):
    inputs, targets = batch
    hidden = jnp.tanh(inputs @ params["in"] + params["bias"][None])
    penalty = decay * optax.tree.norm(params, squared=True)
    return jnp.mean((hidden @ params["out"] - targets) ** 2) + penalty


def network(seed=0, *, examples=40, noise=0.1):
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(examples, 3))
    targets = np.sin(2 * inputs[:, 0]) + noise * generator.normal(size=examples)
    params = {
        "in": generator.normal(size=(3, 8)),
        "bias": np.zeros(8),
        "out": generator.normal(size=8) / 8,
    }
    return jax.tree.map(jnp.asarray, (params, (inputs, targets)))


def test_on_one_batch_the_trajectory_is_that_of_optax():
    params, batch = network()
    batches = jax.tree.map(lambda x: jnp.broadcast_to(x, (200, *x.shape)), batch)
    # So much of it that rounding is not blown up before 200 steps have passed.
    loss = functools.partial(network_loss, decay=0.3)
    theirs, _, _, state = descend(optax.lbfgs(), loss, params, batches)
    ours, *_ = descend(update_rules.lbfgs(), loss, params, batches)
    assert state[0].weights_memory[:40].min() >= 0
    chex.assert_trees_all_close(ours, theirs, rtol=0, atol=1e-10)


def mini_batches(steps=60, size=4):
    params, data = network(noise=1.0)
    places = np.random.default_rng(1).integers(40, size=(steps, size))
    return params, jax.tree.map(lambda x: x[places], data)


def vectors(tree):
    """Leaves [T, ...] as rows [T, P], in the order of the memory."""
    leaves = jax.tree.leaves(tree)
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)


def test_between_batches_noise_is_taken_for_negative_curvature():
    params, batches = mini_batches()
    points, gradients, _, state = descend(optax.lbfgs(), network_loss, params, batches)
    steps, changes = (np.diff(vectors(tree), axis=0) for tree in (points, gradients))
    assert np.sum(np.sum(steps * changes, axis=1) < 0) > 5
    assert state[0].weights_memory.min() < 0


@pytest.mark.parametrize("make_rule", (update_rules.bfgs, update_rules.lbfgs))
def test_under_noise_the_memory_stays_positive_definite(make_rule):
    params, batches = mini_batches()
    _, gradients, updates, state = descend(make_rule(), network_loss, params, batches)
    assert state.pairs[-1] > 20
    slopes = np.sum(vectors(gradients) * vectors(updates), axis=1)
    assert np.all(slopes < 0)
    if make_rule is update_rules.bfgs:
        assert np.linalg.eigvalsh(state.memory).min() > 0
    else:
        kept = np.minimum(state.pairs, 10)
        np.testing.assert_array_equal(np.sum(state.memory.weights > 0, axis=1), kept)
        assert state.memory.weights.min() == 0 and state.memory.scale.min() > 0


def test_both_gradients_of_a_pair_come_from_one_batch():
    params, batches = mini_batches(steps=10)
    points, gradients, updates, state = descend(
        update_rules.lbfgs(), network_loss, params, batches
    )
    ends = optax.apply_updates(points, updates)
    after = jax.jit(jax.vmap(jax.grad(network_loss)))(ends, batches)
    changes = vectors(after) - vectors(gradients)
    np.testing.assert_array_equal(state.pairs, np.arange(1, 11))
    np.testing.assert_allclose(state.memory.changes[-1], changes, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        state.memory.steps[-1], vectors(ends) - vectors(points), rtol=0, atol=1e-14
    )


def test_a_pair_of_negative_curvature_never_enters():
    def loss(x, _):
        return jnp.sum(jnp.cos(x))

    rule = update_rules.scale_by_lbfgs(whole_step())
    start = jnp.array([0.1, 0.2, -0.1])
    _, gradients, updates, state = descend(rule, loss, start, jnp.arange(12))
    assert not np.any(state.pairs[:2])
    np.testing.assert_allclose(updates[:2], -gradients[:2], rtol=1e-15)
    assert state.pairs[-1] > 0 and np.all(state.memory.weights >= 0)
    assert np.all(np.sum(gradients * updates, axis=1) <= 0)


@pytest.mark.parametrize("wall", (np.nan, np.inf, -np.inf))
def test_a_search_passes_over_losses_that_are_not_finite(wall):
    def loss(x, _):
        inside = 50 * jnp.sum((x - 0.9) ** 2) + jnp.sum(x)
        return jnp.where(jnp.any(x > 1), wall, inside)

    start = jnp.array([-1.0, 0.0])
    points, *_, state = descend(update_rules.lbfgs(), loss, start, jnp.arange(20))
    np.testing.assert_allclose(points[-1], 0.89, rtol=0, atol=1e-6)
    chex.assert_tree_all_finite(state.memory)


@pytest.mark.parametrize("value", (np.nan, np.inf))
def test_a_batch_whose_loss_is_not_finite_leaves_the_memory_as_it_was(value):
    def loss(x, scale):
        return scale * jnp.sum(jnp.cosh(jnp.array([1.0, 3.0]) * x))

    rule = update_rules.lbfgs()
    scales = jnp.array([1.0, 1.0, 1.0, value, 1.0])
    _, _, updates, state = descend(rule, loss, jnp.array([1.0, 0.5]), scales)
    np.testing.assert_array_equal(state.pairs[2:4], state.pairs[2])
    chex.assert_trees_all_equal(
        *(jax.tree.map(lambda x, t=t: x[t], state.memory) for t in (2, 3))
    )
    np.testing.assert_array_equal(updates[3], 0)


@pytest.mark.parametrize("offset", (np.nan, np.inf))
def test_a_pair_whose_loss_is_not_finite_never_enters(offset):
    def loss(x, offset):
        return jnp.sum(jnp.cosh(x)) + offset

    rule = update_rules.scale_by_lbfgs(whole_step())
    offsets = jnp.array([0.0, 0.0, offset, 0.0])
    *_, state = descend(rule, loss, jnp.array([1.0, 0.5]), offsets)
    np.testing.assert_array_equal(state.pairs, [1, 2, 2, 3])


def test_arguments_that_the_loss_names_are_passed_on_to_it():
    def loss(x, target):
        return jnp.sum((x - target) ** 2)

    x, target = jnp.zeros(2), jnp.array([1.0, 2.0])
    value, grad = jax.value_and_grad(loss)(x, target)
    extra = {"value": value, "grad": grad, "target": target}
    for rule in (optax.lbfgs(), update_rules.lbfgs()):
        update = jax.jit(functools.partial(rule.update, value_fn=loss))
        updates, state = update(grad, rule.init(x), x, **extra)
        value_and_grad = optax.value_and_grad_from_state(loss)
        moved = optax.apply_updates(x, updates)
        chex.assert_trees_all_close(
            value_and_grad(moved, target, state=state),
            jax.value_and_grad(loss)(moved, target),
            rtol=1e-6,
        )


def test_a_wrong_memory_size_is_named():
    with pytest.raises(ValueError, match="memory_size is 0; expected an integer >= 1"):
        update_rules.lbfgs(memory_size=0)
