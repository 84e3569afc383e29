"""The Hessian of the mean loss, in three modes of differentiation."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from lec7 import arguments
from lec7.curvature import batch_means, floating, operators


def hessian(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    mode: str = "forward_over_reverse",
    devices: Sequence[jax.Device] | None = None,
    check: bool = False,
) -> operators.Operator:
    """Return the Hessian of the mean loss over all examples of all batches.

    H = d^2 L / d params^2, L = sum_b B_b loss_fn(params, batch_b) / sum_b B_b.

    The Hessian is symmetric only when the loss is one function: bind the key of
    dropout or augmentation to `loss_fn`, and choose the mode of BatchNorm there. With
    statistics of the batch (train mode) the mean over batches depends on how the
    examples are split; with running statistics (test mode) it does not.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        (batch statistics, say) is best bound as a leading argument by
        `jax.tree_util.Partial(loss_fn, ...)`: then all operators share one compilation.
      params: pytree of real floating-point arrays; those of half precision are taken
        as float32, which is what the loss is given.
      batches: pytrees whose leaves have the examples in their first axis; unequal
        batches are weighted by their number of examples. A sequence is copied to the
        devices; anything else that can be walked again and again is streamed, and two
        batches a device are held at a time.
      mode: "forward_over_reverse", the fastest; "reverse_over_reverse", for a loss
        with a `custom_vjp`; or "finite_difference" of two gradients, for a smooth loss
        that can be differentiated only once (it sees the kinks of a relu as curvature).
        They are eps^(1/3) (1 + r) to either side, r the root mean square parameter.
      devices: take turns at the batches; fewer batches than devices are divided evenly,
        and means are over all examples whatever the number. `lec7.hosts.devices()`,
        those of all hosts, is right where every host makes the same call. None for
        every accelerator of this host, or the default device of a CPU.
      check: whether to spend three products on `verify`: is the operator symmetric, and
        the same when it is asked again?

    Returns:
      The operator v -> H v.

    Raises:
      ValueError: the mode is unknown, a leaf of params is not floating-point, the
        batches are empty, disagree with themselves or can be walked only once, or the
        check fails.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(0.5 * (batch @ params) ** 2)
      >>> examples = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> op = hessian(loss_fn, jnp.zeros(2), [examples])
      >>> op(jnp.array([1.0, -1.0]))
      Array([ 0., -1.], dtype=float32)
      >>> op.size, op.to_dense().tolist()
      (2, [[1.0, 1.0], [1.0, 2.0]])

    References:
      Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6.
    """
    arguments.require_one_of(_HESSIAN_PRODUCTS, mode=mode)
    product = jax.tree_util.Partial(
        _HESSIAN_PRODUCTS[mode], batch_means.as_partial(loss_fn)
    )
    return operators.build(
        product,
        params,
        batches,
        devices=devices,
        check=check,
        linear=mode == "forward_over_reverse",
    )


def _forward_over_reverse(
    loss_fn: Callable, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    return jax.jvp(lambda p: jax.grad(loss_fn)(p, batch), (params,), (v,))[1]


def _reverse_over_reverse(
    loss_fn: Callable, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    return jax.grad(lambda p: optax.tree.vdot(jax.grad(loss_fn)(p, batch), v))(params)


def _finite_difference(
    loss_fn: Callable, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    length = floating.norm(v)
    size = floating.norm(params) / optax.tree.size(params) ** 0.5
    # Rounding, u / h, and truncation, h^2, balance at h = u^(1/3).
    unit = jnp.finfo(operators.flat_dtype(params)).eps ** (1 / 3)
    step = unit * (1 + size) / jnp.where(length > 0, length, 1)
    ahead = jax.grad(loss_fn)(optax.tree.add_scale(params, step, v), batch)
    behind = jax.grad(loss_fn)(optax.tree.add_scale(params, -step, v), batch)
    return optax.tree.scale(0.5 / step, optax.tree.sub(ahead, behind))


_HESSIAN_PRODUCTS = {
    "forward_over_reverse": _forward_over_reverse,
    "reverse_over_reverse": _reverse_over_reverse,
    "finite_difference": _finite_difference,
}
