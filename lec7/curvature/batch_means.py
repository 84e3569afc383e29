"""Averages over the examples of a data set that comes in batches.

The batches are walked on the host, one dispatch a batch: on a CPU that is as fast as
`lax.scan` for dense layers and ten times faster for convolutions, whose gradients XLA
runs slowly inside a loop. Several devices take turns. As a dispatch does not wait they
work at the same time, and unequal batches need neither padding nor a mask.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from lec7.curvature import floating, host_sums, placement, repeatable


def mean_loss(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    devices: Sequence[jax.Device] | None = None,
) -> jax.Array:
    """Return the mean loss over all examples of all batches.

    L(params) = sum_b B_b loss_fn(params, batch_b) / sum_b B_b, with B_b the number of
    examples of batch b: exact for unequal batches too.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        (batch statistics, say) is best bound as a leading argument by
        `jax.tree_util.Partial(loss_fn, ...)`: then all calls share one compilation.
      params: pytree of arrays; the loss is given those of half precision as float32.
      batches: pytrees whose leaves have the examples in their first axis. A sequence is
        copied to the devices; anything else that can be walked again and again is
        streamed, and two batches a device are held at a time.
      devices: take turns at the batches; None for every accelerator of this host, or
        the default device of a CPU.

    Returns:
      The mean loss, a scalar of at least float32.

    Raises:
      ValueError: there is no batch, the batches can be walked only once, are one array
        or mapping, or differ in their kinds of arrays, the arrays of a batch do not
        agree on a number of examples, or the loss is not a scalar.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean((params * batch) ** 2)
      >>> unequal = [jnp.array([1.0, 2.0, 3.0]), jnp.array([4.0])]
      >>> float(mean_loss(loss_fn, jnp.array(2.0), unequal))
      30.0
    """
    return mean(scalar(loss_fn), spread(batches, devices), params)


def gradient(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    devices: Sequence[jax.Device] | None = None,
) -> chex.ArrayTree:
    """Return the gradient of the mean loss over all examples of all batches.

    Args:
      loss_fn: as for `mean_loss`.
      params: pytree of arrays.
      batches: as for `mean_loss`.
      devices: as for `mean_loss`.

    Returns:
      A pytree like `params`, of at least float32.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean((params * batch) ** 2)
      >>> unequal = [jnp.array([1.0, 2.0, 3.0]), jnp.array([4.0])]
      >>> float(gradient(loss_fn, jnp.array(2.0), unequal))
      30.0
    """
    fn = jax.tree_util.Partial(_gradient, as_partial(loss_fn))
    return mean(fn, spread(batches, devices), params)


def mean(
    fn: jax.tree_util.Partial, batches: Iterable[chex.ArrayTree], *args: Any
) -> Any:
    """Return sum_b B_b fn(*args, batch_b) / sum_b B_b on the first batch's device.

    B_b is the number of examples of a batch, over which `fn` takes a mean. A batch that
    is committed to a device is worked on there. Arguments and means of half precision
    are widened to float32, in which a sum over batches neither stalls nor overflows.
    """
    args = tuple(map(floating.widen, args))
    sizes, inputs, totals, other = [], {}, {}, None
    for batch in batches:
        if isinstance(batch, placement.Elsewhere):
            sizes.append(examples(batch))
            other = batch
            continue
        device = placement.device_of(batch)
        if device not in inputs:
            inputs[device] = placement.move((fn, args), device)
        if device in totals and isinstance(batches, placement.Stream):
            jax.block_until_ready(totals[device])  # or batches would pile up there
        sizes.append(examples(batch))
        local, local_args = inputs[device]
        term = _weighted(local, sizes[-1] / sizes[0], batch, *local_args)
        totals[device] = _add(totals[device], term) if device in totals else term
    total = _collected(totals)
    if placement.is_shared(batches):
        if total is None:  # a stream with fewer batches than devices
            total = _nothing(fn, other, args)
        total = host_sums.total(total)
    return total if len(sizes) == 1 else _scale(sizes[0] / sum(sizes), total)


def _collected(totals: dict[jax.Device | None, Any]) -> Any:
    """Return the sum of what devices hold, on the first; None of none."""
    if not totals:
        return None
    first, *others = totals
    total = totals[first]
    for device in others:
        total = _add(total, placement.move(totals[device], first))
    return total


def _nothing(fn: Any, batch: placement.Elsewhere, args: tuple) -> Any:
    """Return the zeros that a host without a batch adds."""
    like = jax.eval_shape(_weighted, fn, 1.0, batch.shapes, *args)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)


def compiled(
    fn: jax.tree_util.Partial, weight: float, batch: chex.ArrayTree, *args: Any
) -> jax.stages.Compiled:
    """Return the program that `mean` runs on a batch; it takes the same arguments."""
    return _weighted.lower(fn, weight, batch, *args).compile()


def as_partial(fn: Callable[..., Any]) -> jax.tree_util.Partial:
    """Return the function as a pytree: static code, bound arguments as leaves."""
    if isinstance(fn, jax.tree_util.Partial):
        return fn
    return jax.tree_util.Partial(fn)


def scalar(loss_fn: Callable[..., Any]) -> jax.tree_util.Partial:
    """Return the loss, a pytree of them too, which raises where one is not a scalar."""
    return jax.tree_util.Partial(_scalar, as_partial(loss_fn))


def spread(
    batches: Iterable[chex.ArrayTree], devices: Sequence[jax.Device] | None = None
) -> tuple[chex.ArrayTree, ...] | placement.Stream:
    """Return batches dealt to devices: a sequence now, others pass by pass.

    `mean` can walk the result again and again. The devices take turns; None stands for
    every accelerator, or for the default device of a CPU, and leaves batches where they
    have been dealt to already. Fewer batches than the devices given are divided.

    Raises:
      ValueError: as for `mean_loss`.
    """
    batches = repeatable.sequence(batches)
    is_stream = isinstance(batches, placement.Stream)
    if is_stream and devices is None or _is_shared(batches):
        return batches
    if not isinstance(batches, Sequence):
        source = batches.source if is_stream else batches
        return placement.Stream(source, placement.choose(devices))
    if devices is None and placement.are_placed(batches):
        return _deal_all(batches, (None,))
    chosen = placement.choose(devices)
    cut = batches if devices is None else placement.cut(batches, chosen)
    return _deal_all(cut, chosen)


def freeze(batches: Iterable[chex.ArrayTree]) -> tuple[chex.ArrayTree, ...]:
    """Return batches, checked, on the device, to which they are copied once.

    Arrays that are JAX's already are not copied.

    Raises:
      ValueError: as for `mean_loss`.
    """
    return _deal_all(repeatable.sequence(batches), (None,))


def to_device(tree: chex.ArrayTree) -> chex.ArrayTree:
    """Return the tree as JAX arrays; NumPy arrays, which may change, are copied."""
    return placement.put(tree, None)


def _is_shared(batches: Iterable[chex.ArrayTree]) -> bool:
    """Return whether a sequence has been dealt to several hosts, which happens once."""
    return isinstance(batches, tuple) and placement.is_shared(batches)


def _deal_all(
    batches: Iterable[chex.ArrayTree], devices: placement.Devices
) -> tuple[chex.ArrayTree, ...]:
    frozen = tuple(placement.deal_all(batches, devices))
    if not frozen:
        raise ValueError("batches is empty; expected at least one batch")
    return frozen


def _scalar(loss_fn: Callable, *args: Any) -> Any:
    loss = loss_fn(*args)
    for path, leaf in jax.tree.leaves_with_path(loss):
        if jnp.shape(leaf) != ():
            raise ValueError(
                f"the loss{jax.tree_util.keystr(path)} is an array of the shape "
                f"{jnp.shape(leaf)}; expected one finite number, the mean over the "
                "examples of a batch"
            )
    return loss


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Prepared:
    """A function that has been applied to a batch, in part, and stands for it."""

    rest: jax.tree_util.Partial
    examples: int = dataclasses.field(metadata={"static": True})


def examples(batch: chex.ArrayTree) -> int:
    """Return the number of examples of a batch."""
    if isinstance(batch, Prepared):
        return batch.examples
    return jax.tree.leaves(placement.shapes(batch))[0].shape[0]


def _gradient(loss_fn: Callable, params: Any, batch: Any) -> chex.ArrayTree:
    return jax.grad(loss_fn)(params, batch)


@jax.jit
def _weighted(fn: jax.tree_util.Partial, weight: float, batch: Any, *args: Any) -> Any:
    # Accelerators round the factors of a matrix product to fewer bits by default.
    with jax.default_matmul_precision("highest"):
        return optax.tree.scale(weight, floating.widen(fn(*args, batch)))


_add = jax.jit(optax.tree.add)
_scale = jax.jit(optax.tree.scale)
