"""Descents on N losses of one family at once, each with parameters of its own."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from experiments import _trajectories

Function = Callable[[jax.Array, jax.Array], jax.Array]


class Family(NamedTuple):
    """N losses and where a descent on each begins."""

    function: Function
    """What tells the losses apart [K], the point [D] -> the loss []."""
    members: np.ndarray
    """[N, K]."""
    starts: np.ndarray
    """[N, D]."""

    def at(self, points: ArrayLike) -> np.ndarray:
        """Return the losses at a point each, [N, D] -> [N]."""
        with jax.enable_x64():
            each = jax.vmap(self.function)(self.members, jnp.asarray(points, float))
            return np.asarray(each)


def follow(
    make_rule: _trajectories.MakeRule,
    family: Family,
    rates: ArrayLike,
    steps: int,
    *,
    noise: ArrayLike = 0.0,
) -> _trajectories.Path:
    """Descend every loss of a family.

    Args:
      make_rule: rate -> rule.
      family: N losses.
      rates: one for all, or [N].
      steps: T.
      noise: added to the gradients, [N, T, D] or what broadcasts to it.

    Returns:
      The paths, every array with a leading axis [N].
    """
    rates, noise = _spread(family, rates, steps, noise)
    with jax.enable_x64():
        found = _follow(
            make_rule, family.function, family.members, family.starts, rates, noise
        )
        return jax.device_get(found)


def updates_below(
    make_rule: _trajectories.MakeRule,
    family: Family,
    rates: ArrayLike,
    steps: int,
    *,
    level: ArrayLike,
    noise: ArrayLike = 0.0,
) -> np.ndarray:
    """Count the updates until the loss of every descent is below a level.

    Args:
      make_rule: rate -> rule.
      family: N losses.
      rates: one for all, or [N].
      steps: T.
      level: [N].
      noise: added to the gradients, [N, T, D] or what broadcasts to it.

    Returns:
      The first update after which it is; T where none is [N].
    """
    rates, noise = _spread(family, rates, steps, noise)
    with jax.enable_x64():
        counts = _count(
            *(make_rule, family.function, family.members, family.starts, rates),
            *(noise, np.broadcast_to(np.asarray(level, float), len(family.starts))),
        )
        return np.asarray(counts, float)


def tune(
    make_rule: _trajectories.MakeRule,
    family: Family,
    rates: ArrayLike,
    steps: int,
    *,
    level: ArrayLike,
) -> tuple[np.ndarray, np.ndarray]:
    """Find for every loss the rate at which it is soonest below a level.

    Args:
      make_rule: rate -> rule.
      family: N losses.
      rates: [R], the budget.
      steps: T; a loss that is not below by then counts T.
      level: [N].

    Returns:
      The best rates [N] and the updates they take [N].
    """
    rates = np.asarray(rates, float)
    size = len(rates)
    every = Family(
        family.function,
        np.repeat(family.members, size, axis=0),
        np.repeat(family.starts, size, axis=0),
    )
    counts = updates_below(
        *(make_rule, every, np.tile(rates, len(family.starts)), steps),
        level=np.repeat(np.asarray(level, float), size),
    ).reshape(-1, size)
    return rates[counts.argmin(axis=1)], counts.min(axis=1)


def _spread(family, rates, steps, noise):
    """Return a rate [N] and noise [N, T, D] for every loss."""
    count, dimension = family.starts.shape
    rates = np.broadcast_to(np.asarray(rates, float), count)
    return rates, np.broadcast_to(noise, (count, steps, dimension))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _follow(make_rule, function, members, starts, rates, noise):
    def one(member, start, rate, noise):
        alone = functools.partial(function, member)
        return _trajectories.trace(make_rule(rate), alone, start, noise)

    return jax.vmap(one)(members, starts, rates, noise)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _count(make_rule, function, members, starts, rates, noise, level):
    losses = _follow(make_rule, function, members, starts, rates, noise).losses
    below = losses < level[:, None]
    return jnp.where(below.any(axis=1), below.argmax(axis=1), noise.shape[1])
