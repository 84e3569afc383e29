"""The Fisher-Rao norm of the parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax
import jax.numpy as jnp

from lec7.curvature import batch_means, floating
from lec7.sharpness import measure


def fisher_rao(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
) -> measure.Measure:
    """Measure the Fisher-Rao norm, squared, with the labels of the data.

    S = w^T F w = mean_i (w . grad l_i)^2,   F = mean_i grad l_i grad l_i^T,

    from one derivative along w of every example's loss l_i. For a ReLU network without
    biases, f is homogeneous of degree K, its number of layers, and so
    w . grad l_i = K <dl_i/df, f>. The paper's norm is the root of S.

    Args:
      loss_fn: params, batch -> mean loss over the batch, also over a batch of one. What
        changes from call to call is best bound by `jax.tree_util.Partial`: all calls
        then share a compilation.
      params: pytree of floating-point arrays, w.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key; nothing is random here.

    Returns:
      The measure; its standard error is 0. It costs two losses.

    Raises:
      ValueError: the loss at params is not finite, or the batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean((params - batch) ** 2)
      >>> batches = [jnp.array([1.0, 3.0])]
      >>> fisher_rao(loss_fn, jnp.array(2.0), batches, key=jax.random.key(0)).value
      4.0

    References:
      Liang et al. 2019, Fisher-Rao metric, geometry, and complexity of neural networks,
      arXiv:1711.01530, theorem 3.1.
    """
    frozen = batch_means.spread(batches)
    fn = jax.tree_util.Partial(_loss_and_slopes, batch_means.scalar(loss_fn))
    loss, squares = batch_means.mean(fn, frozen, params)
    measure.require_finite(loss)
    return measure.Measure(
        value=measure.in_range(squares),
        standard_error=0.0,
        settings=measure.provenance(key, params, measure.examples(frozen)),
        cost=2 * measure.LOSS,
        invariant=True,
    )


def _loss_and_slopes(
    loss_fn: Callable, params: Any, batch: Any
) -> tuple[jax.Array, jax.Array]:
    def losses(p):
        return jax.vmap(lambda example: loss_fn(p, measure.batch_of_one(example)))(
            batch
        )

    each, slopes = floating.widen(jax.jvp(losses, (params,), (params,)))
    return jnp.mean(each), measure.mean_squares(slopes)
