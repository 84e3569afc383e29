"""What BatchNorm's running statistics are away from the point they belong to.

A picture's loss is a function of whole Flax variables or of parameters alone, and its
argument `prepare`, called once a point, is the policy:

    keep          `keep_statistics(variables)`: those of one network everywhere. With
                  pictures of parameters alone they are bound to the loss instead
    interpolate   `nonnegative_variances`: they mix as the weights do
    refit         any function of the point that finds them anew on the training data,
                  such as `lec7.train.refit_batch_stats` with its model and batches

A mean of two networks' statistics is not the statistics of the mean network: only
`refit` shows the loss that training would see there.
"""

from collections.abc import Callable, Mapping
from typing import Any

import chex
import jax
import jax.numpy as jnp


def nonnegative_variances(variables: chex.ArrayTree) -> chex.ArrayTree:
    """Clip the running variances of BatchNorm at zero.

    On the line through two networks a variance is linear too, and beyond the ends it
    may pass zero, where BatchNorm would return NaN.

    Args:
      variables: pytree; of it the leaves `var` under `batch_stats` are clipped.

    Returns:
      The variables, all else untouched.

    Example:
      >>> statistics = {"mean": jnp.array([-1.0, 2.0]), "var": jnp.array([-1.0, 2.0])}
      >>> nonnegative_variances({"batch_stats": statistics})["batch_stats"]["var"]
      Array([0., 2.], dtype=float32)
    """

    def clip(path: tuple, leaf: jax.Array) -> jax.Array:
        names = [getattr(entry, "key", None) for entry in path]
        running = names[-1:] == ["var"] and "batch_stats" in names
        return jnp.maximum(leaf, 0) if running else leaf

    return jax.tree_util.tree_map_with_path(clip, variables)


def keep_statistics(
    variables: Mapping[str, Any],
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return the policy under which every point has the statistics of one network.

    Args:
      variables: of that network, with `batch_stats`.

    Returns:
      Variables of a point -> the same with the `batch_stats` given.

    Example:
      >>> keep = keep_statistics({"params": 1.0, "batch_stats": 2.0})
      >>> keep({"params": 3.0, "batch_stats": 4.0})
      {'params': 3.0, 'batch_stats': 2.0}
    """
    return lambda point: {**point, "batch_stats": variables["batch_stats"]}
