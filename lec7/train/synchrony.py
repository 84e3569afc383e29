"""What a training on several devices must average over them, or it is another one."""

from collections.abc import Sequence
from typing import Any

import jax
from flax import linen as nn

from lec7 import randomness
from lec7.train import feed
from lec7.train import state as states
from lec7.train import step as steps


def require_step(
    step: steps.Step,
    state: states.TrainState,
    batches: feed.Feed,
    devices: Sequence[jax.Device],
) -> None:
    """Refuse a step with which every device would follow its part of the batch.

    Raises:
      ValueError: there are several devices, and the step averages over no axis.
    """
    if len(devices) == 1:
        return
    slots = feed.divide(batches.slots(0, 1), len(devices))
    slot = jax.tree.map(lambda leaf: leaf[0, 0], slots)
    batch = jax.eval_shape(batches.fetch, batches.data, slot)
    axes = [(steps.DEVICE_AXIS, len(devices))]
    program = jax.make_jaxpr(jax.vmap(step), axis_env=axes)(state, batch)
    if f"'{steps.DEVICE_AXIS}'" not in str(program):
        raise ValueError(
            f"the step averages over no axis, and there are {len(devices)} devices; "
            f"expected one of make_step(..., axis_name={steps.DEVICE_AXIS!r})"
        )


def require_model(
    model: Any, initialise: Any, inputs: Any, devices: Sequence[jax.Device]
) -> None:
    """Refuse layers of Flax that do not know of other devices.

    Raises:
      ValueError: there are several devices, and BatchNorm has the statistics of its own
        only, or Dropout the same mask on all.
    """
    if len(devices) == 1 or not isinstance(model, nn.Module):
        return

    def check(call, arguments, keywords, context):
        layer, path = context.module, "/".join(context.module.path)
        if isinstance(layer, nn.BatchNorm) and layer.axis_name is None:
            if not (layer.use_running_average or keywords.get("use_running_average")):
                raise ValueError(
                    f"{path} is a BatchNorm without axis_name, and there are "
                    f"{len(devices)} devices; expected axis_name="
                    f"{steps.DEVICE_AXIS!r}, or one device"
                )
        elif isinstance(layer, nn.Dropout) and layer.rate > 0:
            raise ValueError(
                f"{path} is a Dropout of Flax, whose mask is the same on all "
                f"{len(devices)} devices; expected one of lec7.models, or one device"
            )
        return call(*arguments, **keywords)

    def apply(given, x):
        keys = {name: jax.random.key(0) for name in ("dropout", *randomness.STREAMS)}
        with nn.intercept_methods(check):
            return model.apply(given, x, train=True, rngs=keys, mutable=True)

    variables = jax.eval_shape(initialise, jax.random.key(0))
    jax.make_jaxpr(apply, axis_env=[(steps.DEVICE_AXIS, 1)])(variables, inputs)
