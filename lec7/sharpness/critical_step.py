"""Sharpness as the smallest step down the gradient that raises the loss."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import arguments, curvature
from lec7.curvature import batch_means
from lec7.sharpness import measure

_DOUBLINGS = 60  # of the step, or halvings, after which the search gives up


class _Step(NamedTuple):
    """A step along a line, and the mean slope of the loss over it."""

    size: float
    slope: float


def critical_sharpness(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    direction: chex.ArrayTree | None = None,
    guess: float = 1.0,
    tol: float = 1 / 16,
) -> measure.Measure:
    """Measure 2 / eta_c, eta_c the smallest step along a line that raises the loss.

    eta_c = min {eta > 0: L(w + eta d) > L(w)},   d = -gradient unless given.

    On a quadratic with Hessian H, 2 / eta_c = d^T H d / -(g^T d): along the gradient,
    its Rayleigh quotient. So the top eigenvalue bounds it from above there, and is
    reached where the gradient lies in the top eigenvector, as it nearly does at the
    edge of stability of gradient descent, though not with momentum. Gradient descent
    raises the loss when its rate is above eta_c.

    The step is doubled or halved from `guess` until eta_c lies between two, these are
    bisected, and the mean slope (L(w + eta d) - L(w)) / eta, which is linear on a
    quadratic, is interpolated. With the last eta_c as a guess that takes about six
    losses. A loss that is not finite counts as raised. Where the loss rises, falls and
    rises again, one crossing is found, the first one if no step skipped it.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: all calls then share a compilation.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key; nothing is random here.
      direction: d, a pytree like `params` along which the loss falls at first, such as
        the update of a rule at the rate 1.
      guess: eta where the search begins, > 0.
      tol: largest relative width of the bracket that is interpolated.

    Returns:
      The measure: 0 where the loss never rises, NaN where the slope is zero. Its
      standard error is 0, and NaN where rounding of the loss may change the value by
      more than `tol`, as near a minimum.

    Raises:
      ValueError: guess or tol is not positive, the loss at params is not finite, it
        rises along `direction`, or the batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch @ params**2)
      >>> batches, key = [jnp.array([[1.0, 3.0]])], jax.random.key(0)
      >>> w = jnp.array([0.0, 2.0])
      >>> round(critical_sharpness(loss_fn, w, batches, key=key).value, 4)
      3.0

    References:
      Kalra et al. 2026, arXiv:2601.16979.
    """
    arguments.require_positive(guess=guess, tol=tol)
    frozen = batch_means.spread(batches)
    loss = measure.value(loss_fn, params, frozen)
    start = measure.require_finite(loss)
    gradient = curvature.gradient(loss_fn, params, frozen)
    if direction is None:
        direction = optax.tree.scale(-1.0, gradient)
    slope = float(optax.tree.vdot(gradient, direction))
    if slope > 0:
        raise ValueError(
            f"the loss rises along direction, with a slope of {slope:g}; expected one "
            "along which it falls, such as minus the gradient"
        )
    passes = 1

    def step(size: float) -> _Step:
        nonlocal passes
        passes += 1
        there = _moved(params, direction, size)
        rise = float(measure.value(loss_fn, there, frozen)) - start
        return _Step(size, rise / size if np.isfinite(rise) else np.inf)

    size = _crossing(step, guess, tol) if slope < 0 else np.nan
    rounding = float(jnp.finfo(loss.dtype).eps) * abs(start)
    sure = rounding <= tol * abs(slope) * size  # not where the size is NaN
    return measure.Measure(
        value=2 / size,
        standard_error=0.0 if sure else float("nan"),
        settings={"guess": guess, "tol": tol}
        | measure.provenance(key, params, measure.examples(frozen)),
        cost=1 + measure.LOSS * passes,
    )


def _crossing(step: Callable[[float], _Step], guess: float, tol: float) -> float:
    """Return the size at which the mean slope is zero.

    It is infinite where no step raises the loss, and NaN where all do.
    """
    low = high = step(guess)
    grow = low.slope <= 0
    for _ in range(_DOUBLINGS):
        if low.slope <= 0 < high.slope:
            break
        if grow:
            low, high = high, step(2 * high.size)
        else:
            low, high = step(low.size / 2), low
    else:
        return np.inf if grow else np.nan
    while 1 - low.size / high.size > tol:
        middle = step((low.size + high.size) / 2)
        low, high = (low, middle) if middle.slope > 0 else (middle, high)
    if not np.isfinite(high.slope):
        return (low.size + high.size) / 2
    share = low.slope / (low.slope - high.slope)
    return low.size + share * (high.size - low.size)


@jax.jit
def _moved(
    params: chex.ArrayTree, direction: chex.ArrayTree, size: jax.typing.ArrayLike
) -> chex.ArrayTree:
    """Return params + size x direction."""
    return optax.tree.add_scale(params, size, direction)
