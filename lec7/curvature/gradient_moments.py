"""Second moments of the gradients of single examples.

No gradient of a single example is ever formed. With J the Jacobian of the B losses of a
batch, [B, P], the sum of g_i g_i^T v is J^T (J v): one product forwards and one
backwards, in the memory of a batch, not of B gradients.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from lec7.curvature import batch_means, floating, gauss_newton, operators


def empirical_fisher(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    devices: Sequence[jax.Device] | None = None,
    check: bool = False,
) -> operators.Operator:
    """Return the second moment of the gradients of single examples.

    F = (1/N) sum_i g_i g_i^T, g_i the gradient of the loss of example i: the Fisher
    information with the labels of the data in place of the model's own, which is the
    true one (`fisher`) only where the two agree.

    Args:
      loss_fn: params, batch -> mean loss over the batch. It is given batches of one
        example, so BatchNorm must use its running statistics.
      params: pytree of real floating-point arrays.
      batches: as for `hessian`.
      devices: as for `hessian`.
      check: as for `hessian`.

    Returns:
      The operator v -> F v.

    Raises:
      ValueError: as for `hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params)
      >>> examples = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> op = empirical_fisher(loss_fn, jnp.zeros(2), [examples])
      >>> op.to_dense().tolist()
      [[1.0, 1.0], [1.0, 2.0]]

    References:
      Kunstner, Balles, Hennig 2019, Limitations of the empirical Fisher approximation
      for natural gradient descent, arXiv:1905.12558.
    """
    losses = jax.tree_util.Partial(_losses, batch_means.scalar(loss_fn))
    product = gauss_newton.sandwich(losses, jax.tree_util.Partial(_mean))
    return operators.build(product, params, batches, devices=devices, check=check)


def gradient_covariance(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    devices: Sequence[jax.Device] | None = None,
    check: bool = False,
) -> operators.Operator:
    """Return the covariance of the gradients of single examples.

    S = (1/N) sum_i (g_i - g) (g_i - g)^T, g = (1/N) sum_i g_i: the noise of stochastic
    gradients. That of B examples drawn with replacement has the covariance S / B, and
    without replacement S / B (N - B) / (N - 1).

    Args:
      loss_fn: as for `empirical_fisher`.
      params: pytree of real floating-point arrays.
      batches: as for `hessian`.
      devices: as for `hessian`.
      check: as for `hessian`.

    Returns:
      The operator v -> S v. It takes one pass over the data to find g.

    Raises:
      ValueError: as for `hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params)
      >>> examples = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> op = gradient_covariance(loss_fn, jnp.zeros(2), [examples])
      >>> op.to_dense().tolist()
      [[0.0, 0.0], [0.0, 1.0]]
    """
    losses = jax.tree_util.Partial(_losses, batch_means.scalar(loss_fn))
    mean = batch_means.gradient(loss_fn, params, batches, devices=devices)
    product = jax.tree_util.Partial(_covariance, losses, mean)
    return operators.build(product, params, batches, devices=devices, check=check)


def _losses(loss_fn: Callable, params: Any, batch: Any) -> jax.Array:
    """Return the loss of each example, [B]."""

    def loss_of(example):
        return loss_fn(params, jax.tree.map(lambda x: x[None], example))

    return floating.widen(jax.vmap(loss_of)(batch))


def _mean(losses: jax.Array, tangent: jax.Array, batch: Any) -> jax.Array:
    del losses, batch
    return tangent / len(tangent)


# Deviations are taken before they are summed: g g^T is never subtracted from F.
def _covariance(
    losses: Callable, mean: Any, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    _, pull_back = jax.vjp(lambda p: losses(p, batch), params)
    slopes = jax.jvp(lambda p: losses(p, batch), (params,), (v,))[1]
    deviations = slopes - optax.tree.vdot(mean, v)
    total = pull_back(deviations / len(deviations))[0]
    return optax.tree.add_scale(total, -jnp.mean(deviations), mean)
