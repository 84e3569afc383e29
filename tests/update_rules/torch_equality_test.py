"""With the options of its docstring's table every rule is torch's.

Torch is transcribed here, and the transcription is held to torch where that is
installed.
"""

import warnings

import jax
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lec7 import update_rules
from tests.update_rules.small_network import STEPS, flat, gradient, parameters

RATE = 0.02


def torch_sgd(gradients, *, momentum=0.0, nesterov=False):
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


PAIRS = {
    "sgd": (update_rules.sgd(RATE), torch_sgd, "SGD", {}),
    "momentum": (
        update_rules.momentum(RATE, decay=0.9),
        torch_sgd,
        "SGD",
        {"momentum": 0.9},
    ),
    "nesterov": (
        update_rules.nesterov(RATE, decay=0.9),
        torch_sgd,
        "SGD",
        {"momentum": 0.9, "nesterov": True},
    ),
    "adagrad": (update_rules.adagrad(RATE, eps=1e-10), torch_adagrad, "Adagrad", {}),
    "rmsprop": (update_rules.rmsprop(RATE, eps=1e-8), torch_rmsprop, "RMSprop", {}),
    "adam": (update_rules.adam(RATE), torch_adam, "Adam", {}),
}
every_pair = pytest.mark.parametrize("name", PAIRS)


def transcribed(name):
    """Parameters after each update of the transcription, [T, P]."""
    _, torch_rule, _, options = PAIRS[name]
    x, slope = flat()

    def gradients():
        while True:
            yield slope(x)

    updates, trajectory = torch_rule(gradients(), **options), []
    for _ in range(STEPS):
        x = x - next(updates)
        trajectory.append(x)
    return np.stack(trajectory)


def ours(name):
    rule = PAIRS[name][0]

    def step(carry, _):
        params, state = carry
        updates, state = rule.update(gradient(params), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), ravel_pytree(params)[0]

    params = parameters()
    start = params, rule.init(params)
    return jax.jit(lambda: jax.lax.scan(step, start, length=STEPS)[1])()


def of_torch(torch, name):
    *_, optimizer, options = PAIRS[name]
    start, slope = flat()
    x = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, optimizer)([x], lr=RATE, **options)
    trajectory = []
    for _ in range(STEPS):
        x.grad = torch.tensor(slope(x.detach().numpy()))
        optimizer.step()
        trajectory.append(x.detach().numpy().copy())
    return np.stack(trajectory)


@pytest.mark.usefixtures("float64")
@every_pair
def test_the_trajectory_is_that_of_torch(name):
    np.testing.assert_allclose(ours(name), transcribed(name), rtol=0, atol=1e-10)


@pytest.mark.usefixtures("float64")
@every_pair
def test_the_transcription_is_torch(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = pytest.importorskip("torch")
        theirs = of_torch(torch, name)
    np.testing.assert_allclose(transcribed(name), theirs, rtol=0, atol=1e-10)
