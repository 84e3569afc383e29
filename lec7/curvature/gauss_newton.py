"""Curvature of the loss in the outputs, carried to the parameters by the Jacobian."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import optax

from lec7 import arguments
from lec7.curvature import batch_means, floating, operators


def ggn(
    model_fn: Callable[[Any, Any], chex.ArrayTree],
    loss_on_outputs: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    devices: Sequence[jax.Device] | None = None,
    check: bool = False,
) -> operators.Operator:
    """Return the generalised Gauss-Newton matrix of the mean loss over all examples.

    G = J^T H_out J, with J the Jacobian of the outputs and H_out the Hessian of the
    loss in them: the Hessian without the curvature of the network itself, positive
    semi-definite for a loss that is convex in the outputs. Twice differentiated is the
    loss alone, which holds a few copies of the outputs and none of the network.

    Args:
      model_fn: params, batch -> outputs, a pytree. Bind what changes from call to call
        (batch statistics, say) by `jax.tree_util.Partial(model_fn, ...)`.
      loss_on_outputs: outputs, batch -> mean loss over the batch.
      params: pytree of real floating-point arrays.
      batches: as for `hessian`.
      devices: as for `hessian`.
      check: as for `hessian`.

    Returns:
      The operator v -> G v.

    Raises:
      ValueError: as for `hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> def model_fn(params, batch):
      ...     return batch @ params
      >>> def half_square(outputs, batch):
      ...     return jnp.mean(outputs**2) / 2
      >>> examples = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> ggn(model_fn, half_square, jnp.zeros(2), [examples]).to_dense().tolist()
      [[1.0, 1.0], [1.0, 2.0]]

    References:
      Schraudolph 2002, Fast curvature matrix-vector products for second-order gradient
      descent, Neural Computation 14.
    """
    inner = jax.tree_util.Partial(
        _loss_hessian, batch_means.as_partial(loss_on_outputs)
    )
    product = sandwich(batch_means.as_partial(model_fn), inner)
    return operators.build(product, params, batches, devices=devices, check=check)


def fisher(
    model_fn: Callable[[Any, Any], chex.ArrayTree],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    distribution: str = "categorical",
    devices: Sequence[jax.Device] | None = None,
    check: bool = False,
) -> operators.Operator:
    """Return the true Fisher information, with labels drawn from the model.

    F = mean_x E_{y ~ p(y | x)} [s s^T], s = grad log p(y | x): the expectation is taken
    in closed form, F = J^T F_out J, so nothing is sampled and labels play no part. It
    is the `ggn` of the negative log-likelihood, here without any autodiff of a loss:

    | distribution | outputs | F_out t |
    |---|---|---|
    | "categorical" | logits [B, ..., K], p = softmax | p t - p <p, t> |
    | "bernoulli" | logits [B, ...], p = sigmoid | p (1 - p) t |
    | "gaussian" | means [B, ...], unit variance | t |

    Args:
      model_fn: as for `ggn`; the outputs of an example are independent given it, and
        its log-likelihood is their sum.
      params: pytree of real floating-point arrays.
      batches: as for `hessian`.
      distribution: of the labels given the outputs.
      devices: as for `hessian`.
      check: as for `hessian`.

    Returns:
      The operator v -> F v.

    Raises:
      ValueError: the distribution is unknown, or as for `hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> def model_fn(params, batch):
      ...     return jnp.outer(batch, params)
      >>> op = fisher(model_fn, jnp.zeros(2), [jnp.array([1.0, 3.0])])
      >>> op.to_dense().tolist()
      [[1.25, -1.25], [-1.25, 1.25]]

    References:
      Martens 2020, New insights and perspectives on the natural gradient method,
      arXiv:1412.1193, section 9.
    """
    arguments.require_one_of(_INFORMATION, distribution=distribution)
    inner = jax.tree_util.Partial(_INFORMATION[distribution])
    product = sandwich(batch_means.as_partial(model_fn), inner)
    return operators.build(product, params, batches, devices=devices, check=check)


def sandwich(
    model_fn: jax.tree_util.Partial, inner: jax.tree_util.Partial
) -> jax.tree_util.Partial:
    """Return the product params, v, batch -> J^T inner(outputs, J v, batch).

    `model_fn` maps params, batch to outputs; `inner` is linear in its tangent.
    """
    return jax.tree_util.Partial(_sandwich, model_fn, inner)


def _sandwich(
    model_fn: Callable, inner: Callable, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    def outputs_of(p):
        return floating.widen(model_fn(p, batch))

    outputs, pull_back = jax.vjp(outputs_of, params)
    tangent = jax.jvp(outputs_of, (params,), (v,))[1]
    return pull_back(inner(outputs, tangent, batch))[0]


def _loss_hessian(
    loss_on_outputs: Callable, outputs: Any, tangent: Any, batch: Any
) -> chex.ArrayTree:
    slope = jax.grad(lambda x: loss_on_outputs(x, batch))
    return jax.jvp(slope, (outputs,), (tangent,))[1]


def _mean_information(
    information: Callable, outputs: Any, tangent: Any, batch: Any
) -> chex.ArrayTree:
    total = jax.tree.map(information, outputs, tangent)
    return optax.tree.scale(1 / jax.tree.leaves(batch)[0].shape[0], total)


def _categorical(logits: jax.Array, tangent: jax.Array) -> jax.Array:
    p = jax.nn.softmax(logits)
    return p * (tangent - (p * tangent).sum(axis=-1, keepdims=True))


def _bernoulli(logits: jax.Array, tangent: jax.Array) -> jax.Array:
    p = jax.nn.sigmoid(logits)
    return p * (1 - p) * tangent


def _gaussian(means: jax.Array, tangent: jax.Array) -> jax.Array:
    del means
    return tangent


_INFORMATION = {
    "categorical": functools.partial(_mean_information, _categorical),
    "bernoulli": functools.partial(_mean_information, _bernoulli),
    "gaussian": functools.partial(_mean_information, _gaussian),
}
