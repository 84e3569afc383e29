"""What BFGS and L-BFGS share: a direction, a line search, and the pair it gives.

The search of a step evaluates the gradient at the point it finds, on the batch of the
gradient it starts from. So s = x' - x and y = g' - g are had within one call and from
one batch, at no cost, and no noise between batches is taken for curvature.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import precision
from lec7.update_rules.second_order import (
    line_search,
    parameter_vector,
    value_functions,
)


class QuasiNewtonState(NamedTuple):
    """What a quasi-Newton rule remembers."""

    pairs: jax.Array  # taken into the memory so far, int32 []
    memory: Any  # an inverse Hessian, in some form
    search: optax.OptState  # `value` and `grad` at the point found


class Memory(NamedTuple):
    """How to keep an inverse Hessian H of P parameters."""

    empty: Callable[[jax.Array], Any]
    """[P] -> memory of no pair."""
    multiply: Callable[[Any, jax.Array, jax.Array], jax.Array]
    """Memory, its number of pairs (>= 1), g [P] -> H g [P]."""
    remember: Callable[[Any, jax.Array, jax.Array, jax.Array], Any]
    """Memory, its number of pairs, s [P], y [P] with y.s > 0 -> memory."""


def scale_by_quasi_newton(
    memory: Memory, search: optax.GradientTransformation
) -> optax.GradientTransformationExtraArgs:
    """Return a search along -H g that keeps the pair that it gives.

    A pair is kept if the loss is finite at both its ends and y.s is positive beyond
    rounding, which keeps H positive definite; otherwise the memory stays as it was.
    Without a pair, or should rounding turn -H g uphill, the direction is -g, of length
    1 at the most, and without a pair of length 1 where that moves no parameter, as of a
    loss in small units. A step that is not finite, as of one bad batch, is not taken.
    The state of the search has the `value` and the `grad` at the end of the step;
    `update` takes `value`, `grad` and `value_fn`.
    """
    search = optax.with_extra_args_support(search)

    def init_fn(params):
        if not jax.tree.leaves(params):
            return optax.EmptyState()
        vector, _ = parameter_vector.flatten(params)
        return QuasiNewtonState(
            pairs=jnp.zeros([], jnp.int32),
            memory=memory.empty(vector),
            search=search.init(params),
        )

    def update_fn(
        updates,
        state,
        params=None,
        *,
        value=None,
        grad=None,
        value_fn=None,
        **extra_args,
    ):
        loss = value_functions.bind(
            value_fn, params, extra_args, value=value, grad=grad
        )
        if not jax.tree.leaves(params):
            return updates, state
        uphill, unflatten = parameter_vector.flatten(updates)
        with jax.default_matmul_precision("highest"):
            proposed = memory.multiply(state.memory, state.pairs, uphill)
            point, _ = parameter_vector.flatten(params)
            direction = -_uphill(proposed, uphill, state.pairs, point)
        updates, found = search.update(
            unflatten(direction),
            state.search,
            params,
            value=value,
            grad=grad,
            value_fn=loss,
        )
        updates = line_search.after_bad_batch(updates, params)
        step = _difference(optax.apply_updates(params, updates), params)
        new_grad = optax.tree.conj(optax.tree.get(found, "grad"))
        change = _difference(new_grad, grad)
        values = jnp.stack([value, optax.tree.get(found, "value")])
        with jax.default_matmul_precision("highest"):
            is_kept = _bends_up(step, change) & jnp.all(jnp.isfinite(values))
            kept = jax.lax.cond(
                is_kept,
                memory.remember,
                lambda memory, *_: memory,
                *(state.memory, state.pairs, step, change),
            )
        pairs = state.pairs + is_kept.astype(jnp.int32)
        return updates, QuasiNewtonState(pairs, kept, found)

    return precision.keep_dtypes(
        optax.GradientTransformationExtraArgs(init_fn, update_fn)
    )


def _uphill(
    proposed: jax.Array, gradient: jax.Array, pairs: jax.Array, point: jax.Array
) -> jax.Array:
    """Return the proposed direction, or the gradient if there is reason to."""
    scaled, _ = parameter_vector.normalise(gradient)
    is_uphill = (pairs > 0) & (jnp.vdot(proposed, scaled) > 0)
    whole = scaled / jnp.maximum(jnp.linalg.norm(scaled), 0.5)
    norm = jnp.linalg.norm(gradient)
    is_lost = (pairs == 0) & jnp.all(point - gradient == point)
    short = jnp.minimum(1, 1 / norm) * gradient
    alternative = jnp.where(is_lost | jnp.isinf(norm), whole, short)
    return jnp.where(is_uphill, proposed, alternative)


def _difference(new: optax.Params, old: optax.Params) -> jax.Array:
    return parameter_vector.flatten(new)[0] - parameter_vector.flatten(old)[0]


def _bends_up(step: jax.Array, change: jax.Array) -> jax.Array:
    """Return whether y.s > 0 beyond rounding, and is in range."""
    limits = jnp.finfo(step.dtype)
    product = jnp.vdot(change, step)
    scaled, unit = parameter_vector.normalise(change)
    rounding = limits.eps * jnp.linalg.norm(step) * jnp.linalg.norm(scaled)
    is_normal = jnp.isfinite(product) & (product > limits.tiny)
    return is_normal & (jnp.vdot(scaled, step) > rounding)
