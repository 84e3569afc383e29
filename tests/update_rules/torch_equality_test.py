"""With the options of its docstring's table every rule is torch's, transcribed here."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

STEPS = 200
RATE = 0.02


def gradient(x):
    """Of Beale's function divided by 1 + itself, which is tame far out."""
    x, y = x
    powers = (y, y**2, y**3)
    residuals = [c - x + x * p for c, p in zip((1.5, 2.25, 2.625), powers, strict=True)]
    slopes = (1, 2 * y, 3 * y**2)
    value = sum(r**2 for r in residuals)
    by_x = sum(2 * r * (p - 1) for r, p in zip(residuals, powers, strict=True))
    by_y = sum(2 * r * x * s for r, s in zip(residuals, slopes, strict=True))
    return by_x / (1 + value) ** 2, by_y / (1 + value) ** 2


def torch_sgd(gradients, *, momentum, nesterov):
    buffer = None
    for g in gradients:
        buffer = g if buffer is None else momentum * buffer + g
        yield RATE * (g + momentum * buffer if nesterov else buffer)


def torch_adagrad(gradients, *, eps=1e-10):
    total = 0.0
    for g in gradients:
        total = total + g * g
        yield RATE * g / (np.sqrt(total) + eps)


def torch_rmsprop(gradients, *, alpha=0.99, eps=1e-8):
    average = 0.0
    for g in gradients:
        average = alpha * average + (1 - alpha) * g * g
        yield RATE * g / (np.sqrt(average) + eps)


def torch_adam(gradients, *, beta1=0.9, beta2=0.999, eps=1e-8):
    first = second = 0.0
    for step, g in enumerate(gradients, start=1):
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g * g
        root = np.sqrt(second) / np.sqrt(1 - beta2**step) + eps
        yield RATE / (1 - beta1**step) * first / root


def theirs(torch_rule, start, **options):
    x = start

    def gradients():
        while True:
            yield np.array(gradient(x))

    trajectory = []
    for update, _ in zip(
        torch_rule(gradients(), **options), range(STEPS), strict=False
    ):
        x = x - update
        trajectory.append(x)
    return np.stack(trajectory)


def ours(rule, start):
    def step(carry, _):
        x, state = carry
        updates, state = rule.update(jnp.stack(gradient(x)), state, x)
        x = optax.apply_updates(x, updates)
        return (x, state), x

    x = jnp.asarray(start)
    return jax.lax.scan(step, (x, rule.init(x)), length=STEPS)[1]


PAIRS = {
    "sgd": (
        update_rules.sgd(RATE),
        torch_sgd,
        {"momentum": 0.0, "nesterov": False},
    ),
    "momentum": (
        update_rules.momentum(RATE, decay=0.9),
        torch_sgd,
        {"momentum": 0.9, "nesterov": False},
    ),
    "nesterov": (
        update_rules.nesterov(RATE, decay=0.9),
        torch_sgd,
        {"momentum": 0.9, "nesterov": True},
    ),
    "adagrad": (update_rules.adagrad(RATE, eps=1e-10), torch_adagrad, {}),
    "rmsprop": (update_rules.rmsprop(RATE, eps=1e-8), torch_rmsprop, {}),
    "adam": (update_rules.adam(RATE), torch_adam, {}),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", PAIRS)
def test_the_trajectory_is_that_of_torch(name):
    rule, torch_rule, options = PAIRS[name]
    start = np.array([1.0, 0.8])
    np.testing.assert_allclose(
        ours(rule, start), theirs(torch_rule, start, **options), rtol=0, atol=1e-10
    )
