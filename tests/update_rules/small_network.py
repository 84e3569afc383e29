"""A network of two layers that every rule descends in the tests of equality."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

STEPS = 200
INPUTS = np.random.default_rng(0).normal(size=(20, 3))
TARGETS = np.sin(2 * INPUTS[:, 0]) - INPUTS[:, 1] * INPUTS[:, 2]


def parameters():
    """Weights [3, 4] and [4], and their biases."""
    rng = np.random.default_rng(1)
    return {
        "in": {"kernel": jnp.asarray(rng.normal(size=(3, 4))), "bias": jnp.zeros(4)},
        "out": {"kernel": jnp.asarray(rng.normal(size=4)), "bias": jnp.zeros(())},
    }


def loss(params):
    hidden = jnp.tanh(INPUTS @ params["in"]["kernel"] + params["in"]["bias"][None])
    outputs = hidden @ params["out"]["kernel"] + params["out"]["bias"]
    return jnp.mean((outputs - TARGETS) ** 2)


gradient = jax.grad(loss)


def flat():
    """Parameters [P], and the gradient as a function of them, both of numpy."""
    start, unravel = ravel_pytree(parameters())
    slope = jax.jit(lambda x: ravel_pytree(gradient(unravel(x)))[0])
    return np.array(start), lambda x: np.array(slope(x))
