"""A complete update of Adam on the parameters of a ResNet-18, gradients given."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks import case
from lec7 import models, update_rules

RATE, B1, B2, EPS, COUNT = 1e-3, 0.9, 0.999, 1e-8, 10


def adam(stack: contextlib.ExitStack) -> case.Case:
    """lec7's rule, Adam by hand, and torch's two forms of it."""
    del stack
    variables = models.initialise(models.resnet18(1000), jax.random.key(0), (64, 64, 3))
    params = jax.device_get(variables["params"])
    gradients = jax.tree.map(lambda leaf: 0.01 * leaf + 0.001, params)
    rule = update_rules.adam(RATE)
    runs = {
        case.OURS: by_optax(rule, params, gradients),
        "Optax": by_optax(optax.adam(RATE), params, gradients),
        "hand-written jit": by_hand(params, gradients),
        "torch foreach": _torch(params, gradients, foreach=True),
        "torch fused": _torch(params, gradients, fused=True),
    }
    return case.Case(runs, COUNT)


def _repeated(update: Callable, state: Any, gradients: Any) -> Callable[[], Any]:
    update = jax.jit(update, donate_argnums=0)
    gradients = jax.tree.map(jnp.asarray, gradients)
    state = jax.tree.map(jnp.array, state)

    def run():
        nonlocal state
        for _ in range(COUNT):
            state = update(state, gradients)
        return jax.block_until_ready(state)[0]

    return run


def by_optax(
    rule: optax.GradientTransformation, params: Any, gradients: Any
) -> Callable[[], Any]:
    """Return a call of `COUNT` updates, which returns the parameters."""

    def update(state, gradients):
        params, slots = state
        steps, slots = rule.update(gradients, slots, params)
        return optax.apply_updates(params, steps), slots

    return _repeated(update, (params, rule.init(params)), gradients)


def by_hand(params: Any, gradients: Any) -> Callable[[], Any]:
    """Return the same of Adam as its formula stands."""

    def update(state, gradients):
        params, first, second, count = state
        count += 1
        c1, c2 = 1 - B1**count, 1 - B2**count

        def leaf(p, m, v, g):
            m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g * g
            return p - RATE * (m / c1) / (jnp.sqrt(v / c2) + EPS), m, v

        made = jax.tree.map(leaf, params, first, second, gradients)
        outer, inner = jax.tree.structure(params), jax.tree.structure((0, 0, 0))
        return *jax.tree.transpose(outer, inner, made), count

    zeros = functools.partial(jax.tree.map, jnp.zeros_like)
    state = (params, zeros(params), zeros(params), jnp.zeros((), jnp.float32))
    return _repeated(update, state, gradients)


def _torch(params: Any, gradients: Any, **form: bool) -> Callable[[], Any]:
    import torch

    from benchmarks.peers import pytorch

    leaves = [torch.nn.Parameter(pytorch.tensor(x)) for x in jax.tree.leaves(params)]
    for leaf, slope in zip(leaves, jax.tree.leaves(gradients), strict=True):
        leaf.grad = pytorch.tensor(slope)
    rule = torch.optim.Adam(leaves, lr=RATE, **form)

    def run():
        for _ in range(COUNT):
            rule.step()
        return leaves

    return run
