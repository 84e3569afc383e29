"""Sub-batches of m examples, a second axis over which a batch is divided.

m-sharpness perturbs the parameters for every m examples by these examples' gradient.
Each of the S = B / m sub-batches b has its own copy w_b of the parameters, and where
F(w_1, ..., w_S) is the mean loss of the batch, its gradient is S dF / dw_b: that of its
own mean loss, unless BatchNorm ties it to the others. The mean over b of these, at
equal copies, is the gradient of the batch. BatchNorm has the statistics of the whole
batch, and noise goes by an example's position in it. All is as on S synchronised
devices with m examples and a perturbation each, however many devices there are.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

AXIS = "sub_batches"


def synchronised(model: nn.Module, axis_name: str | None, m: int) -> nn.Module:
    """Return a model that is called on sub-batches and counts them as one batch.

    Args:
      model: has a field `axis_name`, over which its BatchNorm and its noise see the
        whole batch.
      axis_name: the mapped device axis, if any.
      m: examples in a sub-batch.

    Raises:
      ValueError: if m is below 1, or the model has no such field.
    """
    if m < 1:
        raise ValueError(f"m is {m}; expected 1 or more examples, or None")
    if not hasattr(model, "axis_name"):
        raise ValueError(
            f"m is {m}, and {type(model).__name__} has no field `axis_name`; expected "
            "one, over which its BatchNorm and its noise see the whole batch"
        )
    return model.clone(axis_name=AXIS if axis_name is None else (axis_name, AXIS))


def split(batch: Any, m: int) -> Any:
    """Return the batch of a device, leaves [B, ...], as leaves [B / m, m, ...].

    Args:
      batch: arrays whose leading axis is the examples.
      m: examples in a sub-batch, consecutive in the batch.

    Raises:
      ValueError: if m does not divide B.
    """

    def divided(leaf):
        if len(leaf) % m:
            raise ValueError(
                f"m is {m}; expected a divisor of {len(leaf)}, the examples of a batch "
                "on one device: change m, the batch size or the number of devices"
            )
        return leaf.reshape(-1, m, *leaf.shape[1:])

    return jax.tree.map(divided, batch)


def each(function: Callable) -> Callable:
    """Return a function that takes and returns trees with a leading axis [S].

    Args:
      function: of trees of one sub-batch.
    """
    return jax.vmap(function, axis_name=AXIS)


def mean(tree: Any) -> Any:
    """Return the mean over the sub-batches.

    Args:
      tree: leaves [S, ...].
    """
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), tree)
