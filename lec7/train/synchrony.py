"""What a training on several devices must average over them, or it is another one."""

import contextlib
import math
from collections.abc import Callable, Generator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import errors as flax_errors
from flax import linen as nn

from lec7 import randomness

DEVICE_AXIS = "devices"


def mean(tree: Any, axis_name: str | None) -> Any:
    """Return the means over the devices of an axis, or the tree without one.

    On the CPU all numbers of a type are averaged as one vector: XLA joins collectives
    on GPUs and TPUs alone, and between two processes six took ten times as long as one.
    """
    if axis_name is None:
        return tree
    if jax.default_backend() != "cpu" or jax.lax.axis_size(axis_name) == 1:
        return jax.lax.pmean(tree, axis_name)
    leaves, structure = jax.tree.flatten(jax.tree.map(jnp.asarray, tree))
    for dtype in dict.fromkeys(leaf.dtype for leaf in leaves):
        places = [i for i, leaf in enumerate(leaves) if leaf.dtype == dtype]
        flat = jnp.concatenate([leaves[i].ravel() for i in places])
        ends = np.cumsum([leaves[i].size for i in places])[:-1]
        parts = jnp.split(jax.lax.pmean(flat, axis_name), ends)
        for i, part in zip(places, parts, strict=True):
            leaves[i] = part.reshape(leaves[i].shape)
    return structure.unflatten(leaves)


def require_axis(
    step: Callable, fetch: Callable, devices: int, state: Any, data: Any, slots: Any
) -> None:
    """Refuse a step with which every device would follow its part of the batch.

    Raises:
      ValueError: there are several devices, and the step averages over no axis.
    """
    if devices == 1:
        return
    slot = jax.tree.map(lambda leaf: leaf[0, 0], slots)
    # Their placement, which names the axis too, is left out.
    given = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), (state, data, slot)
    )
    batch = jax.eval_shape(fetch, *given[1:])
    axes = [(DEVICE_AXIS, devices)]
    program = jax.make_jaxpr(jax.vmap(step), axis_env=axes)(given[0], batch)
    if f"'{DEVICE_AXIS}'" not in str(program):
        raise ValueError(
            f"the step averages over no axis, and there are {devices} devices; "
            f"expected one of make_step(..., axis_name={DEVICE_AXIS!r})"
        )


def require_model(
    model: Any, initialise: Any, inputs: Any, devices: Sequence[jax.Device]
) -> None:
    """Trace a training pass on several devices.

    Raises:
      ValueError: `checked_layers` refuses a layer.
    """

    def apply(given, x):
        keys = {name: jax.random.key(0) for name in ("dropout", *randomness.STREAMS)}
        with checked_layers(model, len(devices)):
            return model.apply(given, x, train=True, rngs=keys, mutable=True)

    if isinstance(model, nn.Module) and len(devices) > 1:
        variables = jax.eval_shape(initialise, jax.random.key(0))
        jax.make_jaxpr(apply, axis_env=[(DEVICE_AXIS, 1)])(variables, inputs)


@contextlib.contextmanager
def checked_layers(model: Any, devices: int) -> Generator[None, None, None]:
    """Refuse layers that do not know of other devices, or normalise to zero.

    What is no module has no layers.

    Yields:
      Nothing.

    Raises:
      ValueError: in a training pass, of Flax's layers, BatchNorm has the statistics of
        its own device only, or one value a channel, or Dropout has the same mask on all
        devices; or a layer draws from a stream that there is not.
    """

    def check(call, arguments, keywords, context):
        layer = context.module
        if context.method_name == "__call__" and isinstance(layer, nn.BatchNorm):
            _check_batch_norm(layer, devices, *arguments, **keywords)
        elif isinstance(layer, nn.Dropout) and layer.rate > 0 and devices > 1:
            raise ValueError(
                f"{'/'.join(layer.path)} is a Dropout of Flax, whose mask is the same "
                f"on all {devices} devices; expected one of lec7.models, or one device"
            )
        return call(*arguments, **keywords)

    is_module = isinstance(model, nn.Module)
    try:
        with nn.intercept_methods(check) if is_module else contextlib.nullcontext():
            yield
    except flax_errors.InvalidRngError as error:
        raise ValueError(
            f"the model draws from a stream that there is not ({error}); expected "
            f"self.make_rng of one of {', '.join(randomness.STREAMS)}: layers draw "
            "apart by their paths"
        ) from error


def _check_batch_norm(
    layer: nn.BatchNorm, devices: int, x: Any, use_running_average=None, **others: Any
) -> None:
    """Check one that normalises by the batch.

    Raises:
      ValueError: there are other devices that it leaves out, or it has one value of
        each channel, whose deviation from the mean is zero.
    """
    del others
    if layer.use_running_average or use_running_average or layer.is_initializing():
        return
    path, axis = "/".join(layer.path), layer.axis_name
    if axis is None and devices > 1:
        raise ValueError(
            f"{path} is a BatchNorm without axis_name, and there are {devices} "
            f"devices; expected axis_name={DEVICE_AXIS!r}, or one device"
        )
    # pytorch/pytorch#4534.
    examples = x.shape[0] * (1 if axis is None else jax.lax.axis_size(axis))
    examples = getattr(layer, "ghost_size", examples)
    if examples * math.prod(x.shape[1:-1]) == 1 and layer.axis == -1:
        raise ValueError(
            f"{path} is a BatchNorm with one value a channel, which it makes zero; "
            "expected two or more examples in a batch"
        )
