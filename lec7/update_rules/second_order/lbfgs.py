"""L-BFGS: BFGS from the last few pairs alone."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lec7 import arguments
from lec7.update_rules.second_order import (
    line_search,
    parameter_vector,
    quasi_newton,
)


class Pairs(NamedTuple):
    """The last m pairs, in a ring: the k-th is in slot k mod m, k from 0."""

    steps: jax.Array  # s [m, P], at least float32
    changes: jax.Array  # y [m, P]
    weights: jax.Array  # 1 / y.s [m], 0 in a slot that is still empty
    scale: jax.Array  # y.s / y.y of the newest pair, []


def scale_by_lbfgs(
    search: optax.GradientTransformation, *, memory_size: int = 10
) -> optax.GradientTransformationExtraArgs:
    """Search along -H g, with H the inverse Hessian that `lbfgs` learns.

    Args:
      search: from a direction to a step along it, as `strong_wolfe()` or a line search
        of optax that keeps the `value` and the `grad` at the end of the step in its
        state.
      memory_size: m, pairs kept, >= 1.

    Returns:
      The transformation g -> -t H g, with t from the search.

    Raises:
      ValueError: `memory_size` is below 1.
    """
    arguments.require_counts(memory_size=memory_size)
    empty = functools.partial(_empty, memory_size=memory_size)
    memory = quasi_newton.Memory(empty, _multiply, _remember)
    return quasi_newton.scale_by_quasi_newton(memory, search)


def lbfgs(*, memory_size: int = 10) -> optax.GradientTransformationExtraArgs:
    """Descend along -H g, H the inverse Hessian that the last m steps have shown.

    H is that of `bfgs` with the last m pairs (s, y), begun anew at every step from
    (y.s / y.y) I of the newest; H g is found by two loops over the pairs, and nothing
    larger than the 2 m P numbers of the memory is formed.

    Both gradients of a pair come from one batch. A pair with y.s <= 0, or with a loss
    that is not finite, never enters, so H stays positive definite under noise.

    A batch whose loss or gradient is not finite leaves the parameters where they are.
    In `optax.masked` or `optax.multi_transform` the rule sees a part of the parameters,
    which `value_fn` must take: give it a loss of that part.

    | equal to | with |
    |---|---|
    | `optax.lbfgs()`, on one batch and while y.s > 0 | `lbfgs()` |

    optax's forms a pair from gradients of two calls, so with mini-batches from two
    batches, and takes whatever y.s it has. torch's searches by another interpolation.

    Args:
      memory_size: m, >= 1.

    Returns:
      The update rule; `update` takes `value`, `grad` and `value_fn`, and raises
      `ValueError` without one of them or without `params`.

    Example:
      >>> loss = lambda x: jnp.sum(jnp.array([1.0, 10.0, 100.0]) * (x - 3) ** 2)
      >>> rule = lbfgs()
      >>> @jax.jit
      ... def step(x, state):
      ...     value, grad = jax.value_and_grad(loss)(x)
      ...     updates, state = rule.update(
      ...         grad, state, x, value=value, grad=grad, value_fn=loss
      ...     )
      ...     return optax.apply_updates(x, updates), state
      >>> x = jnp.zeros(3)
      >>> state = rule.init(x)
      >>> for _ in range(20):
      ...     x, state = step(x, state)
      >>> x.round()
      Array([3., 3., 3.], dtype=float32)

    References:
      Liu and Nocedal 1989, On the limited memory BFGS method for large scale
      optimization; Nocedal and Wright 2006, Numerical optimization, algorithm 7.4.
    """
    return scale_by_lbfgs(line_search.strong_wolfe(), memory_size=memory_size)


def _empty(vector, *, memory_size):
    def slots():
        # One array a field, since a step may be given the state to overwrite.
        return jnp.zeros((memory_size, vector.size), vector.dtype)

    return Pairs(
        steps=slots(),
        changes=slots(),
        weights=jnp.zeros(memory_size, vector.dtype),
        scale=jnp.ones([], vector.dtype),
    )


def _multiply(memory, pairs, gradient):
    """Return H g by the two loops; an empty slot changes nothing."""
    size = memory.weights.size
    oldest_first = (pairs + jnp.arange(size)) % size

    def towards_the_oldest(q, slot):
        share = memory.weights[slot] * jnp.vdot(memory.steps[slot], q)
        return q - share * memory.changes[slot], share

    def towards_the_newest(r, slot_and_share):
        slot, share = slot_and_share
        change = memory.weights[slot] * jnp.vdot(memory.changes[slot], r)
        return r + (share - change) * memory.steps[slot], None

    q, shares = jax.lax.scan(towards_the_oldest, gradient, oldest_first, reverse=True)
    return jax.lax.scan(towards_the_newest, memory.scale * q, (oldest_first, shares))[0]


def _remember(memory, pairs, step, change):
    slot = pairs % memory.weights.size
    return Pairs(
        steps=memory.steps.at[slot].set(step),
        changes=memory.changes.at[slot].set(change),
        weights=memory.weights.at[slot].set(1 / jnp.vdot(change, step)),
        scale=parameter_vector.secant_scale(step, change),
    )
