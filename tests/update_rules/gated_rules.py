"""Every update rule that the gates let through, and how they are run."""

import functools

import jax
import jax.numpy as jnp
import optax
import pytest

from lec7 import update_rules


def averaged_sgd(learning_rate, *, decay):
    return optax.chain(
        update_rules.sgd(learning_rate), update_rules.polyak_average(decay)
    )


def averaged(learning_rate, *, average):
    return optax.chain(update_rules.sgd(learning_rate), average)


def with_l2(learning_rate, *, rate):
    return optax.chain(
        update_rules.l2_in_loss(rate), update_rules.momentum(learning_rate)
    )


def with_decay(learning_rate, *, rate):
    return optax.chain(
        update_rules.momentum(learning_rate),
        update_rules.decoupled_decay(learning_rate, rate),
    )


def sharpness_aware(learning_rate, *, rho, eta):
    base = update_rules.adam(learning_rate)
    return update_rules.sharpness_aware(base, rho=rho, adaptive=True, eta=eta)


def gsam(learning_rate, *, rho, alpha):
    base = update_rules.momentum(learning_rate, decay=0.875)
    return update_rules.gsam(base, rho=rho, alpha=alpha)


uniform_average = functools.partial(averaged, average=update_rules.polyak_ruppert())
snapshot_average = functools.partial(
    averaged, average=update_rules.stochastic_weight_average(1, 2)
)
almost_adam = functools.partial(update_rules.adam, bias_correction=False)

# Numbers that every precision holds exactly.
RULES = {
    "sgd": (update_rules.sgd, {}),
    "momentum": (update_rules.momentum, {"decay": 0.875}),
    "nesterov": (update_rules.nesterov, {"decay": 0.875}),
    "nesterov_lookahead": (update_rules.nesterov_lookahead, {"decay": 0.875}),
    "adagrad": (update_rules.adagrad, {"eps": 1e-7, "initial_accumulator": 0.0}),
    "rmsprop": (update_rules.rmsprop, {"decay": 1 - 2**-6, "eps": 1e-7}),
    "adam": (update_rules.adam, {"b1": 0.875, "b2": 1 - 2**-8, "eps": 1e-8}),
    "almost_adam": (almost_adam, {"b1": 0.875, "b2": 1 - 2**-8, "eps": 1e-8}),
    "polyak_average": (averaged_sgd, {"decay": 1 - 2**-8}),
    "polyak_ruppert": (uniform_average, {}),
    "stochastic_weight_average": (snapshot_average, {}),
    "l2_in_loss": (with_l2, {"rate": 0.125}),
    "decoupled_decay": (with_decay, {"rate": 0.125}),
    "sharpness_aware": (sharpness_aware, {"rho": 0.25, "eta": 0.5}),
    "gsam": (gsam, {"rho": 0.25, "alpha": 0.5}),
}
RATE = 0.125

every_rule = pytest.mark.parametrize("name", RULES)


def halving(step):
    return RATE * 0.5**step


def build(name, learning_rate=RATE):
    factory, hyperparameters = RULES[name]
    return factory(learning_rate, **hyperparameters)


def parameters(dtype="float32"):
    return {
        "b": jnp.asarray(0.75, dtype),
        "w": jnp.asarray([0.5, -1.0, 0.25], dtype),
    }


def gradient(params):
    """The gradient, leaf by leaf, of a loss that is not quadratic."""
    return jax.tree.map(lambda x: x * (1 + x * x), params)


def run(rule, params, *, steps=3):
    state = rule.init(params)
    for _ in range(steps):
        updates, state = rule.update(
            gradient(params), state, params, grad_fn=gradient, unknown="ignored"
        )
        params = optax.apply_updates(params, updates)
    return params, state
