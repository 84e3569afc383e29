"""Curved paths between two points, trained to run where the loss is low."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import arguments
from lec7.curvature import batch_means
from lec7.landscape import grid, running_statistics


class BezierPath(NamedTuple):
    """The curve phi(t) = (1 - t)^2 start + 2 t (1 - t) bend + t^2 end."""

    start: chex.ArrayTree
    bend: chex.ArrayTree
    end: chex.ArrayTree

    def at(self, position: jax.typing.ArrayLike) -> chex.ArrayTree:
        """Return the point phi(t).

        Args:
          position: t, from 0 at the start to 1 at the end.
        """
        return grid.combine(tuple(self), _bernstein(position))


def bezier_path(
    loss_fn: Callable[[Any, Any], jax.Array],
    params_a: chex.ArrayTree,
    params_b: chex.ArrayTree,
    batches: Sequence[chex.ArrayTree],
    *,
    key: jax.Array,
    rule: optax.GradientTransformation,
    steps: int,
) -> BezierPath:
    """Train the bend of a curve between two fixed points.

    min_bend E_t L(phi(t)), t ~ U(0, 1), by `steps` updates of the rule, each at one t
    and on one batch. The bend starts halfway between the points, where the curve is the
    straight line. A batch is drawn in proportion to its examples, so that a gradient is
    unbiased for the mean over all examples when batches are unequal too.

    A network with BatchNorm is trained on its parameters in train mode, with the
    statistics of the batch; see `bezier_losses` for looking at it.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: with the same rule, calls then share a
        compilation.
      params_a: pytree of floating-point arrays, where the path starts.
      params_b: pytree like `params_a`, where it ends.
      batches: pytrees whose leaves have the examples in their first axis: mini-batches,
        or one batch of all examples. They are drawn at random, so they are held.
      key: typed PRNG key, for t and the batch of each step.
      rule: any optax transformation; one that asks for more than a gradient is given
        what it takes of `value`, `grad`, `value_fn` and `grad_fn` at the same t and
        batch.
      steps: updates of the bend, at least 1.

    Returns:
      The path.

    Raises:
      ValueError: the points do not fit each other, steps < 1, or there is no batch.

    Example:
      >>> def ring(params, batch):
      ...     return jnp.mean(batch) * (jnp.sum(params**2) - 1) ** 2
      >>> a, b, ones = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), [jnp.ones(1)]
      >>> path = bezier_path(
      ...     ring, a, b, ones, key=jax.random.key(0), rule=optax.sgd(0.5), steps=200
      ... )
      >>> bool(jnp.abs(jnp.linalg.norm(path.at(0.5)) - 1) < 0.03)
      True

    References:
      Garipov et al. 2018, arXiv:1802.10026, section 3.
    """
    arguments.require_counts(steps=steps)
    grid.check_alike({"params_a": params_a, "params_b": params_b})
    fn, frozen = batch_means.as_partial(loss_fn), batch_means.freeze(batches)
    path = BezierPath(
        params_a, grid.combine((params_a, params_b), [0.5, 0.5]), params_b
    )
    state = rule.init(path.bend)
    for position, batch in zip(*_draws(key, frozen, steps), strict=True):
        path, state = _update(rule, fn, path, state, position, frozen[batch])
    return path


def bezier_losses(
    loss_fn: Callable[[Any, Any], Any],
    path: BezierPath,
    batches: Iterable[chex.ArrayTree],
    *,
    positions: Sequence[float] | np.ndarray | None = None,
    prepare: Callable[[Any], Any] = running_statistics.nonnegative_variances,
    devices: Sequence[jax.Device] | None = None,
) -> Any:
    """Evaluate the mean loss along a curve.

    losses[i] = L(phi(positions[i])); `rise_above_chord` tells its barrier.

    Args:
      loss_fn: as in `interpolate`.
      path: the curve.
      batches: pytrees whose leaves have the examples in their first axis.
      positions: t [A], increasing; None for the 61 points in [0, 1] of Garipov et al.
      prepare: as in `interpolate`; it may bring parameters their statistics.
      devices: as in `slice_1d`.

    Returns:
      Losses [A], NumPy; a pytree of them if `loss_fn` returns one.

    Raises:
      ValueError: positions do not increase, or the batches are empty.
    """
    default = np.linspace(0, 1, 61)
    at = grid.axis("positions", default if positions is None else positions)
    coefficients = np.stack(_bernstein(at), axis=1)
    return grid.losses(
        loss_fn, path._asdict(), coefficients, batches, prepare, devices=devices
    )


def _bernstein(t: Any) -> tuple[Any, Any, Any]:
    return (1 - t) ** 2, 2 * t * (1 - t), t**2


def _draws(
    key: jax.Array, batches: tuple[chex.ArrayTree, ...], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.array([len(jax.tree.leaves(batch)[0]) for batch in batches])
    position_key, batch_key = jax.random.split(key)
    positions = jax.random.uniform(position_key, (steps,))
    shares = jnp.asarray(sizes / sizes.sum())
    chosen = jax.random.choice(batch_key, len(batches), (steps,), p=shares)
    return np.asarray(positions), np.asarray(chosen)


@functools.partial(jax.jit, static_argnames="rule")
def _update(
    rule: optax.GradientTransformation,
    fn: jax.tree_util.Partial,
    path: BezierPath,
    state: optax.OptState,
    position: jax.Array,
    batch: chex.ArrayTree,
) -> tuple[BezierPath, optax.OptState]:
    def objective(bend: chex.ArrayTree, grad_fn: Any = None) -> jax.Array:
        del grad_fn  # which line searches of optax would hand on
        return fn(path._replace(bend=bend).at(position), batch)

    value, grad = jax.value_and_grad(objective)(path.bend)
    updates, state = arguments.offer(
        optax.with_extra_args_support(rule).update,
        grad,
        state,
        path.bend,
        value=value,
        grad=grad,
        value_fn=objective,
        grad_fn=lambda bend, index=0: jax.grad(objective)(bend),
    )
    return path._replace(bend=optax.apply_updates(path.bend, updates)), state
