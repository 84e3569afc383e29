"""The search along a direction for a step that satisfies the strong Wolfe conditions.

With x' = x + t d, g' the gradient at x', and f' the loss:

  f' <= f + c1 t g.d      the loss falls by enough,
  |g'.d| <= c2 |g.d|      and the slope flattens, so that y.s > 0 for the pair
                          s = x' - x, y = g' - g.
"""

import functools

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import precision
from lec7.update_rules.second_order import value_functions


def strong_wolfe(*, max_steps: int = 20) -> optax.GradientTransformationExtraArgs:
    """Scale a descent direction by the step length that optax's zoom search finds.

    c1 = 1e-4, c2 = 0.9; the first length tried is 1. A length at which the loss is not
    finite is passed over, and where there is none at which it falls and is finite, or
    the direction is not finite itself, the step is zero. After the directions of Newton
    and its kin; a search for every step makes a learning rate superfluous. In
    `optax.masked` or `optax.multi_transform` it sees a part of the parameters, which
    `value_fn` must take: give it a loss of that part.

    Args:
      max_steps: losses and gradients evaluated in a search, at the most.

    Returns:
      The transformation d -> t d, whose `update` takes `value`, `grad` and `value_fn`.
      Its state has the `value` and the `grad` at x + t d, for
      `optax.value_and_grad_from_state`.

    References:
      Nocedal and Wright 2006, Numerical optimization, algorithms 3.5 and 3.6.
    """
    search = optax.scale_by_zoom_linesearch(max_steps, initial_guess_strategy="one")

    def init_fn(params):
        if not jax.tree.leaves(params):
            return optax.EmptyState()
        state = search.init(precision.at_least_float32(params))
        # Some are weakly typed, and a second step would compile again.
        return jax.tree.map(lambda x: jnp.asarray(x, x.dtype), state)

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
        params, value, grad = map(precision.at_least_float32, (params, value, grad))
        steps, state = search.update(
            updates, state, params, value=value, grad=grad, value_fn=loss
        )
        return after_bad_batch(steps, params), state

    return precision.keep_dtypes(
        optax.GradientTransformationExtraArgs(init_fn, update_fn)
    )


def after_bad_batch(step: optax.Updates, params: optax.Params) -> optax.Updates:
    """Return the step, or none if it is not finite and the parameters still are."""
    is_spoilt = _is_finite(params) & ~_is_finite(step)
    return jax.tree.map(lambda leaf: jnp.where(is_spoilt, 0, leaf), step)


def _is_finite(tree: optax.Params) -> jax.Array:
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]
    return functools.reduce(jnp.logical_and, finite, jnp.array(True))
