"""BFGS: an inverse Hessian learnt from gradients."""

import jax.numpy as jnp
import optax

from lec7.update_rules.second_order import (
    line_search,
    parameter_vector,
    quasi_newton,
)


def scale_by_bfgs(
    search: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Search along -H g, with H the inverse Hessian that `bfgs` learns.

    Args:
      search: from a direction to a step along it, as `strong_wolfe()` or a line search
        of optax that keeps the `value` and the `grad` at the end of the step in its
        state.

    Returns:
      The transformation g -> -t H g, with t from the search.
    """
    memory = quasi_newton.Memory(_identity, _multiply, _remember)
    return quasi_newton.scale_by_quasi_newton(memory, search)


def bfgs() -> optax.GradientTransformationExtraArgs:
    """Descend along -H g, H the inverse Hessian that past steps have shown.

    With s = x' - x and y = g' - g of a step and r = 1 / y.s,

      H <- (I - r s y^T) H (I - r y s^T) + r s s^T,

    the least change that makes H y = s. H begins as the identity, scaled by y.s / y.y
    before the first pair enters. With an exact line search on a quadratic of P
    parameters H is the inverse Hessian after P steps.

    Both gradients of a pair come from one batch. A pair with y.s <= 0, or with a loss
    that is not finite, never enters, so H stays positive definite under noise.

    A batch whose loss or gradient is not finite leaves the parameters where they are.
    In `optax.masked` or `optax.multi_transform` the rule sees a part of the parameters,
    which `value_fn` must take: give it a loss of that part.

    H takes P^2 numbers of memory: for a few thousand parameters; then see `lbfgs`.

    Returns:
      The update rule; `update` takes `value`, `grad` and `value_fn`, and raises
      `ValueError` without one of them or without `params`.

    Example:
      >>> import jax
      >>> loss = lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
      >>> rule = bfgs()
      >>> @jax.jit
      ... def step(x, state):
      ...     value, grad = jax.value_and_grad(loss)(x)
      ...     updates, state = rule.update(
      ...         grad, state, x, value=value, grad=grad, value_fn=loss
      ...     )
      ...     return optax.apply_updates(x, updates), state
      >>> x = jnp.array([-1.2, 1.0])
      >>> state = rule.init(x)
      >>> for _ in range(50):
      ...     x, state = step(x, state)
      >>> x.round(3)
      Array([1., 1.], dtype=float32)

    References:
      Nocedal and Wright 2006, Numerical optimization, algorithm 6.1 and eq. 6.20.
    """
    return scale_by_bfgs(line_search.strong_wolfe())


def _identity(vector):
    return jnp.eye(vector.size, dtype=vector.dtype)


def _multiply(inverse, pairs, gradient):
    del pairs
    return inverse @ gradient


def _remember(inverse, pairs, step, change):
    first = parameter_vector.secant_scale(step, change)
    inverse = jnp.where(pairs == 0, first, 1) * inverse
    product = jnp.vdot(change, step)
    seen = _multiply(inverse, pairs, change)
    mixed = jnp.outer(step, seen)
    grown = (1 + jnp.vdot(change, seen) / product) * jnp.outer(step, step)
    return inverse + (grown - mixed - mixed.T) / product
