"""The loss on the straight line from one point to another."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import numpy as np

from lec7 import arguments
from lec7.landscape import grid, running_statistics


def interpolate(
    loss_fn: Callable[[Any, Any], Any],
    params_a: chex.ArrayTree,
    params_b: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    alphas: Sequence[float] | np.ndarray | None = None,
    prepare: Callable[[Any], Any] = running_statistics.nonnegative_variances,
    devices: Sequence[jax.Device] | None = None,
) -> Any:
    """Evaluate the mean loss on the straight line through two points.

    losses[i] = L((1 - alphas[i]) a + alphas[i] b): exactly a at 0 and b at 1.

    Args:
      loss_fn: params, batch -> mean over the batch of a loss or of anything else that
        examples can be averaged over (accuracy); or a pytree of such means. Bind what
        changes from call to call by `jax.tree_util.Partial` and calls share a
        compilation.
      params_a: pytree of arrays: parameters, or whole Flax variables.
      params_b: pytree like `params_a`.
      batches: pytrees whose leaves have the examples in their first axis.
      alphas: [A], increasing; None for the 25 points in [-1, 2] of Keskar et al.
      prepare: point -> what `loss_fn` takes, called once a point: the policy for
        BatchNorm, see `lec7.landscape.running_statistics`.
      devices: as in `slice_1d`.

    Returns:
      Losses [A], NumPy; a pytree of them if `loss_fn` returns one.

    Raises:
      ValueError: the points do not fit each other, alphas do not increase, or the
        batches are empty.

    Example:
      >>> def loss_fn(params, batch):
      ...     return ((batch - params) ** 2).mean()
      >>> a, b = np.array(0.0), np.array(2.0)
      >>> interpolate(loss_fn, a, b, [np.array([2.0])], alphas=[-1, 0, 0.5, 1, 2])
      array([16.,  4.,  1.,  0.,  4.], dtype=float32)

    References:
      Goodfellow et al. 2015, arXiv:1412.6544; Keskar et al. 2017, arXiv:1609.04836,
      section 2.2.1.
    """
    shares = grid.axis("alphas", np.linspace(-1, 2, 25) if alphas is None else alphas)
    trees = {"params_a": params_a, "params_b": params_b}
    coefficients = np.stack([1 - shares, shares], axis=1)
    return grid.losses(loss_fn, trees, coefficients, batches, prepare, devices=devices)


def barrier(
    loss_fn: Callable[[Any, Any], jax.Array],
    params_a: chex.ArrayTree,
    params_b: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    points: int = 25,
    prepare: Callable[[Any], Any] = running_statistics.nonnegative_variances,
    devices: Sequence[jax.Device] | None = None,
) -> float:
    """Return how far the loss rises above the chord between two points.

    max_alpha L((1 - alpha) a + alpha b) - ((1 - alpha) L(a) + alpha L(b)), over evenly
    spaced alphas from 0 to 1, both included: never negative, and zero where the loss is
    convex on the way.

    Args:
      loss_fn: params, batch -> mean loss over the batch.
      params_a: pytree of arrays: parameters, or whole Flax variables.
      params_b: pytree like `params_a`.
      batches: pytrees whose leaves have the examples in their first axis.
      points: number of alphas, at least 3.
      prepare: as in `interpolate`.
      devices: as in `slice_1d`.

    Returns:
      The barrier, in units of the loss.

    Raises:
      ValueError: points < 3, or what `interpolate` raises.

    Example:
      >>> def loss_fn(params, batch):
      ...     return ((params**2 - batch) ** 2).mean()
      >>> barrier(loss_fn, np.array(-1.0), np.array(1.0), [np.array([1.0])])
      1.0

    References:
      Frankle et al. 2020, arXiv:1912.05671; Entezari et al. 2022, arXiv:2110.06296.
    """
    arguments.require_counts(points=points, least=3)
    alphas = np.linspace(0, 1, points)
    losses = interpolate(
        loss_fn,
        params_a,
        params_b,
        batches,
        alphas=alphas,
        prepare=prepare,
        devices=devices,
    )
    return float(rise_above_chord(alphas, losses))


def rise_above_chord(positions: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return how far the loss of paths rises above the chord between their ends.

    max_t L(t) - ((1 - t) L(0) + t L(1)), for a path of any shape.

    Args:
      positions: t [A] from 0 to 1, both included.
      losses: L [..., A].

    Returns:
      The barriers [...], float64, never negative.

    Example:
      >>> rise_above_chord(np.array([0, 0.5, 1]), np.array([[0, 3, 2], [0, 0, 2]]))
      array([2., 0.])
    """
    losses = np.asarray(losses, np.float64)
    chord = (1 - positions) * losses[..., :1] + positions * losses[..., -1:]
    return np.max(losses - chord, axis=-1)
