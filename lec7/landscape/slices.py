"""Straight slices of the loss through one point, along one or two directions."""

import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import numpy as np

from lec7 import memory
from lec7.landscape import grid


def slice_1d(
    loss_fn: Callable[[Any, Any], Any],
    params: chex.ArrayTree,
    direction: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    alphas: Sequence[float] | np.ndarray,
    prepare: Callable[[Any], Any] | None = None,
    devices: Sequence[jax.Device] | None = None,
    path: pathlib.Path | None = None,
) -> Any:
    """Evaluate the mean loss along a line.

    losses[i] = L(params + alphas[i] direction), the mean over all examples.

    Args:
      loss_fn: params, batch -> mean over the batch of a loss or of anything else that
        examples can be averaged over (accuracy); or a pytree of such means. Bind what
        changes from call to call by `jax.tree_util.Partial` and calls share a
        compilation. BatchNorm keeps the statistics bound to it.
      params: pytree of arrays.
      direction: pytree like `params`, as from `random_direction`.
      batches: pytrees whose leaves have the examples in their first axis.
      alphas: [A], increasing; Li et al. draw 51 points in [-1, 1].
      prepare: point -> what `loss_fn` takes, called once a point: the policy for
        BatchNorm, see `lec7.landscape.running_statistics`.
      devices: take turns at the batches, those of all hosts where every host makes the
        same call; None for every accelerator of this host, or the default device of a
        CPU. See `curvature.hessian`.
      path: of a file that is replaced after every point. The same call goes on from
        there, and ends in the same bits as if it had never stopped.

    Returns:
      Losses [A], NumPy; a pytree of them if `loss_fn` returns one.

    Raises:
      ValueError: the direction does not fit the parameters, alphas do not increase, the
        batches are empty, or the file is damaged or of another slice.

    Example:
      >>> def loss_fn(params, batch):
      ...     return ((batch - params) ** 2).mean()
      >>> two = [np.array([1.0, 3.0]), np.array([2.0])]
      >>> slice_1d(loss_fn, np.array(2.0), np.array(1.0), two, alphas=[-1, 0]).round(4)
      array([1.6667, 0.6667], dtype=float32)

    References:
      Li et al. 2018, arXiv:1712.09913, sections 3 and 4.
    """
    steps = grid.axis("alphas", alphas)
    trees = {"params": params, "direction": direction}
    coefficients = np.stack([np.ones_like(steps), steps], axis=1)
    return grid.losses(
        loss_fn, trees, coefficients, batches, prepare, devices=devices, path=path
    )


def slice_2d(
    loss_fn: Callable[[Any, Any], Any],
    params: chex.ArrayTree,
    direction_x: chex.ArrayTree,
    direction_y: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    alphas: Sequence[float] | np.ndarray,
    betas: Sequence[float] | np.ndarray,
    prepare: Callable[[Any], Any] | None = None,
    devices: Sequence[jax.Device] | None = None,
    path: pathlib.Path | None = None,
) -> Any:
    """Evaluate the mean loss on a plane.

    losses[i, j] = L(params + alphas[i] direction_x + betas[j] direction_y). The
    directions are used as they come: `orthogonalise` the second one for a plane without
    shear.

    Args:
      loss_fn: as in `slice_1d`.
      params: pytree of arrays.
      direction_x: pytree like `params`, the first axis of the result.
      direction_y: pytree like `params`, the second axis of the result.
      batches: pytrees whose leaves have the examples in their first axis.
      alphas: [A], increasing.
      betas: [B], increasing.
      prepare: as in `slice_1d`.
      devices: as in `slice_1d`.
      path: as in `slice_1d`; the file is replaced after every row of B points.

    Returns:
      Losses [A, B], NumPy; a pytree of them if `loss_fn` returns one.

    Raises:
      ValueError: a direction does not fit the parameters, alphas or betas do not
        increase, the batches are empty, or the file is damaged or of another slice.
      TooLargeError: the plane needs more memory than there is.

    Example:
      >>> def loss_fn(params, batch):
      ...     return (batch @ params).mean()
      >>> x, y = np.array([1.0, 0.0]), np.array([0.0, 1.0])
      >>> batches = [np.array([[1.0, 10.0]])]
      >>> slice_2d(loss_fn, 0 * x, x, y, batches, alphas=[0, 1], betas=[0, 1, 2])
      array([[ 0., 10., 20.],
             [ 1., 11., 21.]], dtype=float32)

    References:
      Li et al. 2018, arXiv:1712.09913, section 4.
    """
    rows, columns = grid.axis("alphas", alphas), grid.axis("betas", betas)
    memory.require_host(
        8 * 7 * len(rows) * len(columns),  # two coordinates, twice, and three factors
        f"{len(rows):,} x {len(columns):,} points of a plane",
    )
    steps = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    coefficients = np.insert(steps.reshape(-1, 2), 0, 1.0, axis=1)
    trees = {
        "params": params,
        "direction_x": direction_x,
        "direction_y": direction_y,
    }
    flat = grid.losses(
        loss_fn,
        trees,
        coefficients,
        batches,
        prepare,
        devices=devices,
        path=path,
        chunk=len(columns),
    )
    return jax.tree.map(lambda losses: losses.reshape(steps.shape[:2]), flat)
