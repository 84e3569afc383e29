"""The learning-rate range test: one short training in which the rate only grows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from lec7 import arguments
from lec7.train import feed
from lec7.train import state as states
from lec7.train import step as steps

DIVERGED = 4.0
"""A loss of more than this many times the largest at the lowest rates is divergence."""

MARGIN = 10.0
"""The rate suggested is the one of the lowest loss, divided by this."""


class RateRange(NamedTuple):
    """What M members made of T growing rates."""

    rates: np.ndarray
    """[T]."""
    losses: np.ndarray
    """Of the batch, before the update at each rate, [T, M]."""
    smoothed: np.ndarray
    """The same without their noise; NaN from where a member diverges, [T, M]."""
    suggested: np.ndarray
    """A rate for each member, [M]."""


def learning_rate_range(
    state: states.TrainState,
    *,
    model: nn.Module,
    make_rule: Callable[[optax.Schedule], optax.GradientTransformation],
    loss: Callable[[jax.Array, jax.Array], jax.Array],
    batches: feed.Feed,
    devices: Sequence[jax.Device],
    lowest: float = 1e-5,
    highest: float = 10.0,
    num_steps: int = 100,
    smoothing: float = 0.8,
) -> RateRange:
    """Train a copy at rates that grow from step to step, and look at the loss.

    The rate of step t of T is lowest (highest / lowest)^(t / (T - 1)). The loss stays
    while the rate is too small, falls, and rises again from where a step gains nothing,
    the edge of stability. That edge divided by 10 is suggested: a rate with which a
    whole training is stable, and within reach of the best one.

    The test begins at `state` and at its place in the data, with the rule's memory
    empty. It changes neither `state` nor `batches`, so that a run goes on as if it had
    not been made.

    A loss is smoothed with weights smoothing^|s - t| over all steps s before the member
    diverged: by the future as by the past, so that the curve does not lag.

    Args:
      state: of a population, leaves [M, ...], at any step.
      model: Flax model with `axis_name=DEVICE_AXIS`.
      make_rule: from a schedule to the update rule, such as `update_rules.momentum`.
      loss: logits [B, K], labels [B] -> loss of each example [B].
      batches: where the population's batches come from.
      devices: over which every batch is divided.
      lowest: the first rate, > 0.
      highest: the last rate, > lowest.
      num_steps: T, >= 2.
      smoothing: in [0, 1), 0 for none.

    Returns:
      The rates, the losses and a suggestion.

    Raises:
      ValueError: an argument is out of its range, or a loss is not finite at `state`.

    References:
      Smith 2017, arXiv:1506.01186, sec. 3.3, where the rate grows linearly.
    """
    _require_ranges(lowest, highest, num_steps, smoothing)
    rates = np.geomspace(lowest, highest, num_steps)
    rule = make_rule(lambda step: jnp.asarray(rates)[step])
    fresh = state.replace(opt_state=jax.vmap(rule.init)(state.params))
    # A copy, because `advance` consumes its state and the run still needs it.
    fresh = steps.place(jax.tree.map(jnp.copy, fresh), devices)

    step = steps.make_step(model, rule, loss, metrics={}, axis_name=steps.DEVICE_AXIS)
    advance = steps.make_advance(step, batches.fetch, devices)
    done = int(np.max(state.step))
    data = steps.place(batches.data, devices)
    given = (fresh, data, np.ones(len(state.step), bool))
    span = range(done, done + num_steps)
    batches = feed.own(batches, devices)
    _, metrics = feed.dispatch(advance, batches, given, span, devices)

    losses = metrics["loss"]
    if not np.isfinite(losses[0]).all():
        raise ValueError(
            f"the losses of the members are {losses[0]} before the first update; "
            "expected finite numbers: begin at a state that has not diverged"
        )
    smoothed = np.stack([_smooth(curve, smoothing) for curve in losses.T], axis=1)
    return RateRange(
        rates=rates,
        losses=losses,
        smoothed=smoothed,
        suggested=rates[np.nanargmin(smoothed, axis=0)] / MARGIN,
    )


def _smooth(losses: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the curve [T] of one member, NaN from where it diverges."""
    at_lowest = np.nanmax(losses[: max(1, len(losses) // 10)])
    diverged = ~np.isfinite(losses) | (losses > DIVERGED * at_lowest)
    end = np.argmax(diverged) if diverged.any() else len(losses)
    step = np.arange(end)
    weights = smoothing ** np.abs(np.subtract.outer(step, step)).astype(float)
    smoothed = np.full(len(losses), np.nan)
    smoothed[:end] = weights @ losses[:end] / weights.sum(axis=1)
    return smoothed


def _require_ranges(
    lowest: float, highest: float, num_steps: int, smoothing: float
) -> None:
    """Check the arguments.

    Raises:
      ValueError: one is out of its range.
    """
    if not 0 < lowest < highest < np.inf:
        raise ValueError(
            f"lowest and highest are {lowest} and {highest}; expected two finite rates "
            "with 0 < lowest < highest"
        )
    arguments.require_counts(num_steps=num_steps, least=2)
    arguments.require_decays(smoothing=smoothing)
