"""Taco shells: ill-conditioned quadratics, one a seed, descended all at once.

Unless it is turned, f = (x^2 + k y^2) / 2 is flat along x and steep along y, and the
measures of a path take it to be so.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from experiments import _surfaces, _trajectories


class Shells(NamedTuple):
    """N quadratics, and where a descent on each begins."""

    conditions: np.ndarray
    """Condition numbers k [N]."""
    starts: np.ndarray
    """[N, 2]."""
    angles: np.ndarray
    """Of the flat direction with the x axis, radians [N]."""


class Tuned(NamedTuple):
    """What a rule does on N shells at the best of R rates."""

    rates: np.ndarray
    """The best rate of each shell [N]."""
    steps: np.ndarray
    """Updates until the loss has settled, at that rate [N]."""


def draw(seeds: Sequence[int], *, low: float, high: float) -> Shells:
    """Draw a shell a seed.

    Args:
      seeds: N of them.
      low: least condition number.
      high: greatest condition number; their logarithm is uniform.

    Returns:
      Shells whose starts lie 5 to 10 along the flat direction and 0.5 to 2.5 across.
    """
    uniform = np.stack([np.random.default_rng(seed).uniform(size=3) for seed in seeds])
    x, y = -5 - 5 * uniform[:, 1], 0.5 + 2 * uniform[:, 2]
    conditions = low * (high / low) ** uniform[:, 0]
    return Shells(conditions, np.stack([x, y], axis=1), np.zeros(len(seeds)))


def turn(shells: Shells, angles: ArrayLike) -> Shells:
    """Turn shells, starts and all, about their minima.

    Args:
      shells: N quadratics.
      angles: counter-clockwise, radians [N].

    Returns:
      The turned shells.
    """
    starts = rotate(shells.starts[:, None], angles)[:, 0]
    return Shells(shells.conditions, starts, shells.angles + angles)


def rotate(points: np.ndarray, angles: ArrayLike) -> np.ndarray:
    """Rotate points about the origin.

    Args:
      points: [N, T, 2].
      angles: counter-clockwise, radians [N].

    Returns:
      The rotated points [N, T, 2].
    """
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = points[..., 0], points[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=2)


def follow(
    make_rule: _trajectories.MakeRule,
    shells: Shells,
    rates: ArrayLike,
    steps: int,
    *,
    noise: ArrayLike = 0.0,
) -> _trajectories.Path:
    """Descend every shell at its own rate.

    Args:
      make_rule: rate -> rule.
      shells: N quadratics.
      rates: [N].
      steps: T.
      noise: added to the gradients, [N, T, 2] or what broadcasts to it.

    Returns:
      The paths, every array with a leading axis [N].
    """
    noise = np.broadcast_to(noise, (len(shells.starts), steps, 2))
    with jax.enable_x64():
        return jax.device_get(_follow(make_rule, *shells, np.asarray(rates), noise))


def tune(
    make_rule: _trajectories.MakeRule,
    shells: Shells,
    rates: ArrayLike,
    steps: int,
    *,
    fraction: float,
) -> Tuned:
    """Find, for every shell, the rate at which the loss settles soonest.

    Args:
      make_rule: rate -> rule.
      shells: N quadratics.
      rates: [R], the budget.
      steps: T; a loss that has not settled by then counts T.
      fraction: of the first loss, at which it has settled when it stays below.

    Returns:
      The best rates and what they achieve.
    """
    rates = np.asarray(rates)
    with jax.enable_x64():
        low = _settled(make_rule, steps, *shells, rates, fraction)
        counts = np.minimum(jax.device_get(low), steps)
    return Tuned(rates[counts.argmin(axis=1)], counts.min(axis=1).astype(float))


@functools.partial(jax.jit, static_argnums=0)
def _follow(make_rule, conditions, starts, angles, rates, noise):
    """Return the paths on N shells, compiled once for a rule."""
    return jax.vmap(functools.partial(_path, make_rule))(
        conditions, starts, angles, rates, noise
    )


@functools.partial(jax.jit, static_argnums=(0, 1))
def _settled(make_rule, steps, conditions, starts, angles, rates, fraction):
    """Return after how many updates the loss has settled on N shells at R rates."""

    def settled(condition, start, angle, rate):
        noise = jnp.zeros((steps, 2))
        path = _path(make_rule, condition, start, angle, rate, noise)
        low = path.losses <= fraction * path.losses[0]
        return steps - jnp.argmin(low[::-1]) + 1

    over_rates = jax.vmap(settled, in_axes=(None, None, None, 0))
    over_shells = jax.vmap(over_rates, in_axes=(0, 0, 0, None))
    return over_shells(conditions, starts, angles, rates)


def _path(make_rule, condition, start, angle, rate, noise):
    function = _surfaces.ellipse(condition, angle)
    return _trajectories.trace(make_rule(rate), function, start, noise)


def member(path: _trajectories.Path, place: int) -> _trajectories.Path:
    """Return one of many paths.

    Args:
      path: N paths.
      place: which.

    Returns:
      The path, without the leading axis.
    """
    return jax.tree.map(lambda leaf: leaf[place], path)


def overshoot(path: _trajectories.Path) -> np.ndarray:
    """Return how far paths go past the minimum along the flat direction.

    Args:
      path: N paths.

    Returns:
      The farthest point, as a share of the distance at the start [N].
    """
    x = path.points[..., 0]
    return np.maximum(0, np.max(-x / x[:, :1], axis=1))


def halved(path: _trajectories.Path) -> np.ndarray:
    """Return how many updates bring paths half the way along the flat direction.

    Args:
      path: N paths.

    Returns:
      The first such update; as many as there are where none is [N].
    """
    x = np.abs(path.points[..., 0])
    there = x <= x[:, :1] / 2
    return np.where(there.any(axis=1), there.argmax(axis=1), x.shape[1] - 1)


def crossed(path: _trajectories.Path) -> np.ndarray:
    """Return after how many updates paths first pass the minimum along the valley.

    Args:
      path: N paths.

    Returns:
      The first such update; as many as there are where none is [N].
    """
    x = path.points[..., 0]
    past = x * x[:, :1] < 0
    return np.where(past.any(axis=1), past.argmax(axis=1), x.shape[1] - 1)


def travelled(path: _trajectories.Path, updates: int | None = None) -> np.ndarray:
    """Return how long the ways are, back and forth, along and across the valley.

    Args:
      path: N paths.
      updates: how many of the first ones count; all unless given.

    Returns:
      The sums of |dx| and of |dy| [2, N].
    """
    return np.abs(np.diff(path.points, axis=1))[:, :updates].sum(axis=1).T


def left(path: _trajectories.Path) -> np.ndarray:
    """Return how much of the way along the valley is left at the end.

    Args:
      path: N paths.

    Returns:
      As a share of the distance at the start, on either side of the minimum [N].
    """
    x = path.points[..., 0]
    return np.abs(x[:, -1] / x[:, 0])


def sustained(path: _trajectories.Path) -> np.ndarray:
    """Return the loss that noise sustains.

    Args:
      path: N paths.

    Returns:
      The mean loss after each update of the second half [N].
    """
    losses = path.losses[:, 1:]
    return losses[:, losses.shape[1] // 2 :].mean(axis=1)


def straightness(path: _trajectories.Path) -> np.ndarray:
    """Return the mean cosine of the angle between an update and the next.

    Args:
      path: N paths.

    Returns:
      From -1, back and forth, to 1, straight on [N].
    """
    d = np.diff(path.points, axis=1)
    d = d / np.linalg.norm(d, axis=2, keepdims=True)
    return np.mean(np.sum(d[:, 1:] * d[:, :-1], axis=2), axis=1)
