"""The edge of stability along a training: curvature beside what a rate can bear."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import chex
import jax
import numpy as np

from lec7 import arguments, curvature
from lec7.sharpness import critical_step


class Population(Protocol):
    """M networks in training, as `train.train` gives them to its `measure`."""

    step: jax.Array  # [M]
    params: chex.ArrayTree  # leaves [M, ...]
    batch_stats: chex.ArrayTree  # leaves [M, ...], or empty


def track(
    loss_fn: Callable[..., jax.Array],
    batches: Iterable[chex.ArrayTree],
    *,
    every: int = 1,
    rate: float | Sequence[float] | Callable[[int], Any] | None = None,
    tol: float = 0.02,
) -> Callable[[Population], dict[str, np.ndarray]]:
    """Return a `measure` for `train.train` that follows the edge of stability.

    It records, for each network,

        top_eigenvalue       the largest eigenvalue of the Hessian
        critical_sharpness   2 / eta_c, eta_c the smallest step down the gradient that
                             raises the loss; see `critical_sharpness`
        stability_limit      2 / rate, above which gradient descent is unstable on a
                             quadratic; with momentum b the limit is (1 + b) times that

    in `history`, in metrics.jsonl and for TensorBoard, as the training goes. The search
    for the eigenvalue starts from the gradient, which is mostly near its eigenvector,
    so that what is recorded is a function of the networks alone and a training that
    was interrupted repeats it.

    Args:
      loss_fn: params, batch -> mean loss over the batch; of a network with BatchNorm
        batch_stats, params, batch -> the same.
      batches: pytrees whose leaves have the examples in their first axis; a part of the
        examples will do.
      every: updates between two looks, which fall on evaluations: a multiple of
        `evaluate_every`.
      rate: learning rate, one for each network, or a schedule, step -> rate; None for
        no limit.
      tol: largest relative residual of the eigenpair, and relative error of the
        critical step.

    Returns:
      state -> name -> [M], NaN where the loss is not finite; empty between two looks.

    Raises:
      ValueError: every, tol or rate is out of range; or when it is called, as for
        `curvature.hessian`.

    Example:
      In full, `train.train(..., evaluate_every=10, measure=track(loss_fn, batches))`.

      >>> import types, jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch * params**2) / 2
      >>> measure = track(loss_fn, [jnp.array([1.0, 3.0])], every=10, rate=0.5)
      >>> state = types.SimpleNamespace(
      ...     step=np.array([20]), params=jnp.array([2.0]), batch_stats={}
      ... )
      >>> {name: round(float(value[0]), 3) for name, value in measure(state).items()}
      {'top_eigenvalue': 2.0, 'critical_sharpness': 2.0, 'stability_limit': 4.0}

    References:
      Cohen et al. 2021, arXiv:2103.00065; Kalra et al. 2026, arXiv:2601.16979.
    """
    arguments.require_counts(every=every)
    arguments.require_positive(tol=tol)
    if rate is not None and not callable(rate):
        arguments.require_positive(rate=rate)

    def measure(state: Population) -> dict[str, np.ndarray]:
        steps = np.asarray(state.step)
        if steps.max() % every:
            return {}
        host = jax.device_get((state.params, state.batch_stats))
        looks = []
        for member in range(len(steps)):
            params, stats = jax.tree.map(lambda leaf, index=member: leaf[index], host)
            own = (
                jax.tree_util.Partial(loss_fn, stats)
                if jax.tree.leaves(stats)
                else loss_fn
            )
            looks.append(_look(own, params, batches, tol))
        names = ("top_eigenvalue", "critical_sharpness")
        found = dict(zip(names, np.transpose(looks).astype(np.float32), strict=True))
        if rate is None:
            return found
        now = [rate(step) for step in steps.tolist()] if callable(rate) else rate
        limit = np.broadcast_to(2 / np.asarray(now, np.float32), steps.shape)
        return found | {"stability_limit": limit}

    return measure


def _look(
    loss_fn: Callable[..., jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    tol: float,
) -> tuple[float, float]:
    """Return top eigenvalue and critical sharpness."""
    where, key = (loss_fn, params, batches), jax.random.key(0)
    if not np.isfinite(curvature.mean_loss(*where)):
        return np.nan, np.nan
    gradient = curvature.gradient(*where)
    op = curvature.hessian(*where)
    pairs = curvature.top_eigenpairs(op, 1, key=key, tol=tol, start=gradient)
    top = float(pairs.values[0])
    guess = 2 / top if top > 0 else 1.0
    critical = critical_step.critical_sharpness(*where, key=key, guess=guess, tol=tol)
    return top, critical.value
