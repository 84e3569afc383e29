"""Sub-batches of m examples, a second axis over which a batch is divided.

m-sharpness perturbs the parameters for every m examples by these examples' gradient.
Each of the S = B / m sub-batches b has its own copy w_b of the parameters, and where
F(w_1, ..., w_S) is the mean loss of the batch, its gradient is S dF / dw_b: that of its
own mean loss, unless BatchNorm ties it to the others. The mean over b of these, at
equal copies, is the gradient of the batch. BatchNorm has the statistics of the whole
batch, and noise goes by an example's position in it. All is as on S synchronised
devices with m examples and a perturbation each, however many devices there are.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

AXIS = "sub_batches"


@dataclasses.dataclass(frozen=True)
class Whole:
    """A batch that is not divided."""

    def synchronised(self, model: Any, axis_name: str | None) -> Any:
        """Return the model as it is."""
        del axis_name
        return model

    def split(self, batch: Any) -> Any:
        """Return the batch as it is."""
        return batch

    def each(self, function: Callable) -> Callable:
        """Return the function as it is."""
        return function

    def mean(self, tree: Any) -> Any:
        """Return the tree as it is."""
        return tree

    def offered(self, over_sub_batches: Callable) -> dict[str, Callable]:
        """Return what a rule is given beside gradients: nothing."""
        del over_sub_batches
        return {}


@dataclasses.dataclass(frozen=True)
class Split:
    """A batch divided into sub-batches of m examples, consecutive in the batch."""

    m: int

    def synchronised(self, model: Any, axis_name: str | None) -> Any:
        """Return a model that is called on sub-batches and counts them as one batch.

        Args:
          model: has a field `axis_name`, over which its BatchNorm and its noise see the
            whole batch.
          axis_name: the mapped device axis, if any.

        Raises:
          ValueError: m is below 1, or the model has no such field.
        """
        if self.m < 1:
            raise ValueError(f"m is {self.m}; expected 1 or more examples, or None")
        if not hasattr(model, "axis_name"):
            raise ValueError(
                f"m is {self.m}, and {type(model).__name__} has no field `axis_name`; "
                "expected one, over which its BatchNorm and its noise see the whole "
                "batch"
            )
        return model.clone(axis_name=AXIS if axis_name is None else (axis_name, AXIS))

    def split(self, batch: Any) -> Any:
        """Return the batch of a device, leaves [B, ...], as leaves [B / m, m, ...].

        Args:
          batch: arrays whose leading axis is the examples.

        Raises:
          ValueError: m does not divide B.
        """

        def divided(leaf):
            if len(leaf) % self.m:
                raise ValueError(
                    f"m is {self.m}; expected a divisor of {len(leaf)}, the examples "
                    "of a batch on one device: change m, the batch size or the number "
                    "of devices"
                )
            return leaf.reshape(-1, self.m, *leaf.shape[1:])

        return jax.tree.map(divided, batch)

    def each(self, function: Callable) -> Callable:
        """Return a function that takes and returns trees with a leading axis [S]."""
        return jax.vmap(function, axis_name=AXIS)

    def mean(self, tree: Any) -> Any:
        """Return the mean over the sub-batches of a tree with leaves [S, ...]."""
        return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), tree)

    def offered(self, over_sub_batches: Callable) -> dict[str, Callable]:
        """Return what a rule is given beside gradients."""
        return {"over_sub_batches": over_sub_batches}
