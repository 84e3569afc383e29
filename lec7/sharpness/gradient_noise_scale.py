"""The noise of the gradient relative to the gradient."""

from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7.curvature import batch_means, floating, placement
from lec7.sharpness import measure


def gradient_noise_scale(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
) -> measure.Measure:
    """Measure the batch size at which the gradient is as large as its noise.

    S = tr(Sigma) / |G|^2,   G = mean_i g_i,   Sigma = mean_i (g_i - G)(g_i - G)^T,

    with g_i the gradient of the loss of each of the N examples given, which are taken
    for all there are. So nothing is estimated from batches, and the value depends on
    neither their order nor their size. The gradients of the examples of one batch are
    held at once: give large networks small batches.

    Args:
      loss_fn: params, batch -> mean loss over the batch, also over a batch of one. What
        changes from call to call is best bound by `jax.tree_util.Partial`: all calls
        then share a compilation.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key; nothing is random here.

    Returns:
      The measure, in examples; infinite where G is exactly zero. Its standard error is
      0. It costs one gradient, and that of the first batch; two on several hosts.

    Raises:
      ValueError: the loss at params is not finite, or the batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean((params - batch) ** 2)
      >>> batches = [jnp.array([1.0, 3.0])]
      >>> scale = gradient_noise_scale(
      ...     loss_fn, jnp.array(0.0), batches, key=jax.random.key(0)
      ... )
      >>> scale.value
      0.25

    References:
      McCandlish et al. 2018, arXiv:1812.06162, eq. 2.9.
    """
    frozen = batch_means.spread(batches)
    fn = jax.tree_util.Partial(_moments, batch_means.scalar(loss_fn))
    # Deviations from the first batch's gradient, near G: nothing large is subtracted.
    shared = placement.is_shared(frozen)  # the first one is on one host alone
    nearby = frozen if shared else (placement.first(frozen),)
    _, near = measure.value_and_gradient(loss_fn, params, nearby)
    loss, gradient, squares = batch_means.mean(fn, frozen, params, near)
    measure.require_finite(loss)
    length, off = (float(x) for x in _lengths(gradient, near))
    noise = max(measure.in_range(squares) - off**2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.divide(noise, np.square(length))
    return measure.Measure(
        value=float(scale),
        standard_error=0.0,
        settings=measure.provenance(key, params, measure.examples(frozen)),
        cost=2.0 if shared else 1.0,
    )


def _moments(
    loss_fn: Callable, params: Any, near: Any, batch: Any
) -> tuple[jax.Array, chex.ArrayTree, jax.Array]:
    """Return the mean loss, gradient and squared distance from `near` of examples."""

    def gradient(example):
        return jax.value_and_grad(loss_fn)(params, measure.batch_of_one(example))

    losses, each = floating.widen(jax.vmap(gradient)(batch))
    mean = jax.tree.map(lambda leaf: leaf.mean(axis=0), each)
    away = jax.tree.map(lambda leaf, at: leaf - at[None], each, near)
    squares = jax.tree.map(lambda leaf: leaf[0].size * measure.mean_squares(leaf), away)
    return jnp.mean(losses), mean, sum(jax.tree.leaves(squares))


@jax.jit
def _lengths(gradient: Any, near: Any) -> tuple[jax.Array, jax.Array]:
    return floating.norm(gradient), floating.norm(optax.tree.sub(gradient, near))
