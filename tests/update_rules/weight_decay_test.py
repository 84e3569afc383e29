"""Two decays, by their names, against optax, torch and each other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lec7 import update_rules
from tests.update_rules.small_network import STEPS, flat, gradient, parameters

DECAY = 0.05
RATE = 0.02
DESIGN = np.random.default_rng(0).normal(size=(6, 4))
TARGET = np.random.default_rng(1).normal(size=6)


def decaying(step):
    return RATE / (1 + 0.05 * step)


def coupled(rule):
    return optax.chain(update_rules.l2_in_loss(DECAY), rule)


def decoupled(rule, learning_rate=RATE):
    return optax.chain(rule, update_rules.decoupled_decay(learning_rate, DECAY))


@functools.partial(jax.jit, static_argnums=0)
def trajectory(rule):
    """Parameters of the network after each update, [T, P]."""

    def step(carry, _):
        x, state = carry
        updates, state = rule.update(gradient(x), state, x)
        x = optax.apply_updates(x, updates)
        return (x, state), ravel_pytree(x)[0]

    x = parameters()
    return jax.lax.scan(step, (x, rule.init(x)), length=STEPS)[1]


PAIRS = {
    "L2 and momentum": (
        coupled(update_rules.momentum(decaying)),
        optax.chain(optax.add_decayed_weights(DECAY), optax.sgd(decaying, 0.9)),
    ),
    "L2 and Adam": (
        coupled(update_rules.adam(decaying)),
        optax.chain(optax.add_decayed_weights(DECAY), optax.adam(decaying)),
    ),
    "decoupled, at a constant rate": (
        decoupled(update_rules.adam(RATE)),
        optax.adamw(RATE, weight_decay=DECAY),
    ),
    "decoupled, under a schedule": (
        decoupled(update_rules.adam(decaying), decaying),
        optax.adamw(decaying, weight_decay=DECAY),
    ),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", PAIRS)
def test_the_trajectory_is_that_of_optax(name):
    ours, theirs = map(trajectory, PAIRS[name])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


def torch_sgd(x, gradient, *, momentum=0.9):
    """SGD(lr, momentum, weight_decay), transcribed."""
    buffer = None
    while True:
        g = gradient(x) + DECAY * x
        buffer = g if buffer is None else momentum * buffer + g
        x = x - RATE * buffer
        yield x


def torch_adam(x, gradient, *, decoupled, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam and AdamW(lr, weight_decay), transcribed."""
    first = second = step = 0
    while True:
        step += 1
        g = gradient(x)
        if decoupled:
            x = x * (1 - RATE * DECAY)
        else:
            g = g + DECAY * x
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g * g
        denominator = np.sqrt(second) / np.sqrt(1 - beta2**step) + eps
        x = x - RATE / (1 - beta1**step) * first / denominator
        yield x


TORCH = {
    "SGD": (coupled(update_rules.momentum(RATE)), torch_sgd),
    "Adam": (
        coupled(update_rules.adam(RATE)),
        functools.partial(torch_adam, decoupled=False),
    ),
    "AdamW": (
        decoupled(update_rules.adam(RATE)),
        functools.partial(torch_adam, decoupled=True),
    ),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", TORCH)
def test_the_trajectory_is_that_of_torch(name):
    rule, theirs = TORCH[name]
    iterates = theirs(*flat())
    expected = np.stack([next(iterates) for _ in range(STEPS)])
    np.testing.assert_allclose(trajectory(rule), expected, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("learning_rate", (RATE, decaying))
def test_under_plain_descent_the_two_decays_are_one(learning_rate):
    one = trajectory(coupled(update_rules.sgd(learning_rate)))
    other = trajectory(decoupled(update_rules.sgd(learning_rate), learning_rate))
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("make", (update_rules.momentum, update_rules.adam))
def test_under_momentum_and_adam_the_two_decays_differ(make):
    one, other = trajectory(coupled(make(RATE))), trajectory(decoupled(make(RATE)))
    assert np.max(np.abs(one - other)) > 1e-3


@pytest.mark.usefixtures("float64")
def test_without_a_gradient_adam_moves_the_full_rate_where_decay_is_a_share():
    # Adam divides the L2 gradient by its own size; the decoupled decay stays a share.
    x = jnp.array([1.0, -100.0])
    for rule, expected in (
        (coupled(update_rules.adam(RATE, eps=0.0)), [-RATE, RATE]),
        (decoupled(update_rules.adam(RATE)), [-RATE * DECAY, 100 * RATE * DECAY]),
    ):
        updates, _ = rule.update(jnp.zeros(2), rule.init(x), x)
        np.testing.assert_allclose(updates, expected, rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_the_papers_decay_follows_the_multiplier_and_not_the_rate():
    multiplier = functools.partial(jnp.power, 0.9)
    rule = decoupled(update_rules.adam(lambda t: RATE * multiplier(t)), multiplier)
    x, state = jnp.ones(()), rule.init(jnp.ones(()))
    for _ in range(20):
        updates, state = rule.update(jnp.zeros(()), state, x)
        x = x + updates
    np.testing.assert_allclose(x, np.prod(1 - DECAY * 0.9 ** np.arange(20)))


@pytest.mark.usefixtures("float64")
def test_descent_with_l2_ends_in_the_ridge_solution():
    rule = optax.chain(update_rules.l2_in_loss(DECAY), update_rules.sgd(0.3))

    def step(_, carry):
        x, state = carry
        g = DESIGN.T @ (DESIGN @ x - TARGET) / 6
        updates, state = rule.update(g, state, x)
        return x + updates, state

    x = jnp.zeros(4)
    x, _ = jax.lax.fori_loop(0, 3000, step, (x, rule.init(x)))
    normal = DESIGN.T @ DESIGN + 6 * DECAY * np.eye(4)
    np.testing.assert_allclose(x, np.linalg.solve(normal, DESIGN.T @ TARGET), rtol=1e-9)


@pytest.mark.parametrize("wrap", (coupled, decoupled))
def test_a_mask_keeps_a_leaf_from_the_decay(wrap):
    params = {"bias": jnp.ones(2), "kernel": jnp.ones(2)}
    rule = optax.masked(wrap(update_rules.sgd(RATE)), {"bias": False, "kernel": True})
    zero = optax.tree.zeros_like(params)
    updates, _ = rule.update(zero, rule.init(params), params)
    np.testing.assert_array_equal(updates["bias"], 0)
    np.testing.assert_allclose(updates["kernel"], -RATE * DECAY, rtol=1e-6)


@pytest.mark.parametrize(
    ("decay", "factor"),
    [
        (update_rules.l2_in_loss, 1),
        (functools.partial(update_rules.decoupled_decay, RATE), -RATE),
    ],
)
def test_a_pattern_keeps_all_but_kernels_from_the_decay(decay, factor):
    params = {
        "Dense_0": {"bias": jnp.ones(2), "kernel": jnp.ones((3, 2))},
        "norm": {"bias": jnp.ones(2), "scale": jnp.ones(2)},
    }
    gradient = jax.tree.map(lambda x: jnp.full_like(x, -0.0), params)
    rule = optax.with_extra_args_support(decay(DECAY, pattern="kernel$"))
    updates, _ = rule.update(gradient, rule.init(params), params, value=1.0)
    kernel = updates["Dense_0"].pop("kernel")
    np.testing.assert_allclose(kernel, factor * DECAY, rtol=1e-6)
    rest = jax.tree.leaves(updates)
    assert len(rest) == 3
    assert all(np.signbit(leaf).all() for leaf in rest)  # untouched to the bit


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("wrap", (coupled, decoupled))
def test_a_pattern_that_matches_all_is_none(wrap, monkeypatch):
    plain = trajectory(wrap(update_rules.adam(decaying)))
    for name in ("l2_in_loss", "decoupled_decay"):
        everywhere = functools.partial(getattr(update_rules, name), pattern="")
        monkeypatch.setattr(update_rules, name, everywhere)
    np.testing.assert_array_equal(trajectory(wrap(update_rules.adam(decaying))), plain)


def test_a_pattern_may_be_given_beside_injected_hyperparameters():
    params = {"bias": jnp.ones(2), "kernel": jnp.ones(2)}
    make = optax.inject_hyperparams(update_rules.l2_in_loss)
    rule = make(rate=DECAY, pattern="kernel$")
    state = rule.init(params)
    state.hyperparams["rate"] = 2 * DECAY
    updates, _ = rule.update(optax.tree.zeros_like(params), state, params)
    np.testing.assert_array_equal(updates["bias"], 0)
    np.testing.assert_allclose(updates["kernel"], 2 * DECAY, rtol=1e-6)


def test_a_wrong_pattern_is_named_where_it_can_be_known():
    with pytest.raises(ValueError, match=r"pattern is '\('; expected a regular expr"):
        update_rules.l2_in_loss(DECAY, pattern="(")
    rule = update_rules.decoupled_decay(RATE, DECAY, pattern="kernle$")
    with pytest.raises(
        ValueError, match="'kernle\\$', which matches none .* such as head/kernel"
    ):
        rule.init({"head": {"kernel": jnp.ones(2)}})


@pytest.mark.parametrize("wrap", (coupled, decoupled))
def test_parameters_are_required(wrap):
    rule = wrap(update_rules.sgd(RATE))
    with pytest.raises(ValueError, match="update\\(updates, state, params\\)"):
        rule.update(jnp.ones(3), rule.init(jnp.ones(3)))
