"""Newton's method: x <- x - H^-1 g."""

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import hyperparameters, precision
from lec7.update_rules.second_order import parameter_vector, value_functions


def scale_by_newton(
    *, damping: jax.typing.ArrayLike = 0.0
) -> optax.GradientTransformationExtraArgs:
    """Multiply the gradient by the inverse of the damped Hessian.

    A second derivative that is zero to rounding has no inverse, and nothing moves along
    it: (H + damping I)^+ g, the solution of least length. Rounding is twice what a pair
    is off by, |H v - value v|, or half a unit of the largest, whichever is more; with
    damping a second derivative within it is taken for zero if negative, and kept.

    Args:
      damping: added to every second derivative, >= 0.

    Returns:
      The transformation g -> (H + damping I)^+ g, whose `update` takes `value_fn`.
    """
    damping = hyperparameters.non_negative("damping", damping)

    def init_fn(params):
        del params
        return optax.EmptyState()

    def update_fn(updates, state, params=None, *, value_fn=None, **extra_args):
        loss = value_functions.bind(value_fn, params, extra_args)
        x, to_params = parameter_vector.flatten(params)
        gradient, to_updates = parameter_vector.flatten(updates)
        # Reverse over reverse, which a loss with a custom gradient has too.
        with jax.default_matmul_precision("highest"):
            hessian = jax.jacrev(jax.grad(lambda x: loss(to_params(x))))(x)
        return to_updates(_solve(hessian, damping, gradient)), state

    return precision.keep_dtypes(
        optax.GradientTransformationExtraArgs(init_fn, update_fn)
    )


def newton(
    *, damping: jax.typing.ArrayLike = 0.0
) -> optax.GradientTransformationExtraArgs:
    """Jump to where the second-order Taylor expansion is stationary.

    x <- x - H^-1 g, H the Hessian of `value_fn` at the parameters. There is no learning
    rate: on a quadratic one step ends at the stationary point, be it a minimum, a
    maximum or a saddle. Elsewhere a step may be wild; `damping` shortens it,
    x <- x - (H + damping I)^-1 g, and a search after it sees that the loss falls where
    the step is downhill: `optax.chain(newton(), strong_wolfe())`.

    With P parameters a step takes P gradients, P^2 numbers of memory and of the order
    of P^3 operations: for hundreds of parameters.

    Args:
      damping: >= 0.

    Returns:
      The update rule; `update` takes `value_fn`, parameters -> loss, and raises
      `ValueError` without it or without `params`.

    Example:
      >>> loss = lambda x: jnp.sum(jnp.array([1.0, 100.0]) * (x - 3) ** 2)
      >>> rule = newton()
      >>> x = jnp.array([0.0, 1.0])
      >>> gradient = jax.grad(loss)(x)
      >>> updates, state = rule.update(gradient, rule.init(x), x, value_fn=loss)
      >>> optax.apply_updates(x, updates)
      Array([3., 3.], dtype=float32)

    References:
      Nocedal and Wright 2006, Numerical optimization, section 3.3.
    """
    return precision.keep_dtypes(
        optax.chain(scale_by_newton(damping=damping), optax.scale(-1.0))
    )


def _solve(hessian, damping, gradient):
    """Return (H + damping I)^+ g."""
    with jax.default_matmul_precision("highest"):
        values, vectors = jnp.linalg.eigh(hessian)
        missed, unit = parameter_vector.normalise(
            hessian @ vectors - vectors * values[None]
        )
        residuals = unit * jnp.linalg.norm(missed, axis=0)
        largest = jnp.max(jnp.abs(values), initial=0)
        rounding = jnp.maximum(2 * residuals, jnp.finfo(values.dtype).eps / 2 * largest)
        is_flat = jnp.abs(values) <= rounding
        values = jnp.where(is_flat, jnp.maximum(values, 0), values) + damping
        known = jnp.where(is_flat, damping > 0, jnp.abs(values) > rounding)
        inverse = jnp.where(known, 1 / jnp.where(known, values, 1), 0)
        return vectors @ (inverse * (vectors.T @ gradient))
