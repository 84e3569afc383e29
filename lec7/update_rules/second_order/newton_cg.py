"""Newton's method by conjugate gradients: the Hessian is applied, never formed."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lec7 import arguments
from lec7.update_rules import hyperparameters, precision
from lec7.update_rules.second_order import (
    line_search,
    parameter_vector,
    value_functions,
)


def scale_by_newton_cg(
    *, damping: jax.typing.ArrayLike = 0.0, max_products: int = 50
) -> optax.GradientTransformationExtraArgs:
    """Solve (H + damping I) p = g by conjugate gradients, as far as H is convex.

    The solution is begun at zero and ends where the residual has fallen to
    min(1/2, sqrt |g|) |g|, or after `max_products`; or at the first direction d along
    which the curvature is not positive. This d, downhill as all of them are, is
    followed as far as if the curvature were |H d| / |d|, and then p is what there is.

    Args:
      damping: added to every second derivative, >= 0.
      max_products: Hessian-vector products a step at the most, >= 1.

    Returns:
      The transformation g -> p, with p.g > 0; its `update` takes `value_fn`.

    Raises:
      ValueError: `max_products` is below 1.
    """
    damping = hyperparameters.non_negative("damping", damping)
    arguments.require_counts(max_products=max_products)

    def init_fn(params):
        del params
        return optax.EmptyState()

    def update_fn(updates, state, params=None, *, value_fn=None, **extra_args):
        loss = value_functions.bind(value_fn, params, extra_args)
        x, to_params = parameter_vector.flatten(params)
        gradient, to_updates = parameter_vector.flatten(updates)
        # Reverse over reverse, which a loss with a custom gradient has too.
        with jax.default_matmul_precision("highest"):
            _, pull_back = jax.vjp(jax.grad(lambda x: loss(to_params(x))), x)

        def product(v):
            return (pull_back(v)[0] + damping * v).astype(v.dtype)

        return to_updates(_solve(product, gradient, max_products)), state

    return precision.keep_dtypes(
        optax.GradientTransformationExtraArgs(init_fn, update_fn)
    )


def newton_cg(
    *, damping: jax.typing.ArrayLike = 0.0, max_products: int = 50
) -> optax.GradientTransformationExtraArgs:
    """Descend along an approximate Newton direction, as far as a line search says.

    Where the loss is convex the direction is Newton's, the more exactly the smaller the
    gradient. Where it is not, the direction has a part along negative curvature, and
    so leaves the saddle that Newton's method jumps to; but not a point whose gradient
    is zero, nor a line of symmetry, along which all gradients are.

    A batch whose loss or gradient is not finite leaves the parameters where they are.
    In `optax.masked` or `optax.multi_transform` the rule sees a part of the parameters,
    which `value_fn` must take: give it a loss of that part.

    Args:
      damping: added to every second derivative, >= 0.
      max_products: Hessian-vector products a step at the most, each the cost of about
        two gradients, >= 1.

    Returns:
      The update rule; `update` takes `value`, `grad` and `value_fn`, and raises
      `ValueError` without one of them or without `params`.

    Example:
      >>> loss = lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4
      >>> rule = newton_cg()
      >>> @jax.jit
      ... def step(x, state):
      ...     value, grad = jax.value_and_grad(loss)(x)
      ...     updates, state = rule.update(
      ...         grad, state, x, value=value, grad=grad, value_fn=loss
      ...     )
      ...     return optax.apply_updates(x, updates), state
      >>> x = jnp.array([1.0, 0.01])
      >>> state = rule.init(x)
      >>> for _ in range(10):
      ...     x, state = step(x, state)
      >>> jnp.abs(x).round(3)
      Array([0.   , 0.707], dtype=float32)

    References:
      Nocedal and Wright 2006, Numerical optimization, algorithm 7.1, which stops at
      negative curvature without following it unless it is the first direction.
    """
    return precision.keep_dtypes(
        optax.chain(
            scale_by_newton_cg(damping=damping, max_products=max_products),
            optax.scale(-1.0),
            line_search.strong_wolfe(),
        )
    )


class _Progress(NamedTuple):
    """Conjugate gradients after some products."""

    solution: jax.Array  # p [P]
    residual: jax.Array  # r = g - H p [P]
    direction: jax.Array  # d [P]
    products: jax.Array  # int32 []
    is_convex: jax.Array  # bool []


def _solve(
    product: Callable[[jax.Array], jax.Array], gradient: jax.Array, max_products: int
) -> jax.Array:
    """Return p with H p = g as exactly as asked for, or as far as H is convex."""
    eps = jnp.finfo(gradient.dtype).eps
    gradient, unit = parameter_vector.normalise(gradient)
    norm = jnp.linalg.norm(gradient)
    enough = jnp.minimum(0.5, jnp.sqrt(unit * norm)) * norm

    def goes_on(now):
        is_solved = jnp.linalg.norm(now.residual) <= enough
        return ~is_solved & now.is_convex & (now.products < max_products)

    def advance(now):
        image = product(now.direction)
        scaled, power = parameter_vector.normalise(image)
        curvature = power * jnp.vdot(now.direction, scaled)
        most = power * (jnp.linalg.norm(now.direction) * jnp.linalg.norm(scaled))
        is_convex = curvature > eps * most
        # No curvature at all counts as one.
        most = jnp.where(most > 0, most, jnp.vdot(now.direction, now.direction))
        square = jnp.vdot(now.residual, now.residual)
        length = square / jnp.where(is_convex, curvature, most)
        residual = now.residual - length * image
        turn = jnp.vdot(residual, residual) / square
        return _Progress(
            solution=now.solution + length * now.direction,
            residual=residual,
            direction=residual + turn * now.direction,
            products=now.products + 1,
            is_convex=is_convex,
        )

    first = _Progress(
        solution=jnp.zeros_like(gradient),
        residual=gradient,
        direction=gradient,
        products=jnp.zeros([], jnp.int32),
        is_convex=jnp.array(True),
    )
    with jax.default_matmul_precision("highest"):
        return unit * jax.lax.while_loop(goes_on, advance, first).solution
