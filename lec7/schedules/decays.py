"""Schedules that only fall.

A step is the number of updates made before, so the first update is made at step 0. It
may be a number, an array or traced; a rate may be traced too. Lengths are counted in
updates.
"""

import math

import jax
import jax.numpy as jnp
import optax

from lec7 import arguments


def step_decay(
    init: jax.typing.ArrayLike, *, factor: jax.typing.ArrayLike, every: int
) -> optax.Schedule:
    """Multiply the rate by a factor every so many updates.

    a_t = init factor^floor(t / every). It is `optax.exponential_decay(init, every,
    factor, staircase=True)`.

    Args:
      init: the first rate, >= 0.
      factor: in [0, 1].
      every: updates at one rate, >= 1.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> schedule = step_decay(0.5, factor=0.1, every=30)
      >>> [round(float(schedule(step)), 4) for step in (0, 29, 30, 60)]
      [0.5, 0.5, 0.05, 0.005]

    References:
      CS231n lecture 7.
    """
    arguments.require_non_negative(init=init)
    arguments.require_fractions(factor=factor)
    arguments.require_counts(every=every)
    return lambda step: init * factor ** (step // every)


def exponential_decay(
    init: jax.typing.ArrayLike, *, rate: jax.typing.ArrayLike
) -> optax.Schedule:
    """Let the rate fall by the same share at every update.

    a_t = init e^(-rate t). It is `optax.exponential_decay(init, 1, math.exp(-rate))`.

    Args:
      init: the first rate, >= 0.
      rate: k, the decay per update, >= 0.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    References:
      CS231n lecture 7.
    """
    arguments.require_non_negative(init=init, rate=rate)
    return lambda step: init * jnp.exp(-rate * step)


def inverse_time_decay(
    init: jax.typing.ArrayLike, *, rate: jax.typing.ArrayLike
) -> optax.Schedule:
    """Let the rate fall as one over the time.

    a_t = init / (1 + rate t). optax has no such schedule.

    Args:
      init: the first rate, >= 0.
      rate: k, one over the updates that halve the first rate, >= 0.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    References:
      CS231n lecture 7; Robbins and Monro 1951, A stochastic approximation method, for
      why the sum of all rates must be infinite and that of their squares must not.
    """
    arguments.require_non_negative(init=init, rate=rate)
    return lambda step: init / (1 + rate * step)


def inverse_sqrt_decay(
    init: jax.typing.ArrayLike, *, rate: jax.typing.ArrayLike = 1.0
) -> optax.Schedule:
    """Let the rate fall as one over the root of the time.

    a_t = init / sqrt(1 + rate t); by default the a / sqrt t of the papers, whose t
    begins at 1. optax has no such schedule.

    Args:
      init: the first rate, >= 0.
      rate: one over the updates that divide the first rate by sqrt 2, >= 0.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    References:
      Zinkevich 2003, Online convex programming and generalized infinitesimal gradient
      ascent, theorem 1.
    """
    arguments.require_non_negative(init=init, rate=rate)
    return lambda step: init / jnp.sqrt(1.0 + rate * step)


def linear_decay(
    init: jax.typing.ArrayLike, *, steps: int, final: jax.typing.ArrayLike = 0.0
) -> optax.Schedule:
    """Let the rate fall along a straight line, and then stay.

    a_t = final + (init - final) (1 - t / steps). It is
    `optax.linear_schedule(init, final, steps)`.

    Args:
      init: the first rate, >= 0.
      steps: updates until the rate is final, >= 1.
      final: the rate from then on, >= 0.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.
    """
    arguments.require_non_negative(init=init, final=final)
    arguments.require_counts(steps=steps)
    return lambda step: (
        final + (init - final) * (1 - 1.0 * jnp.minimum(step, steps) / steps)
    )


def cosine_decay(
    init: jax.typing.ArrayLike, *, steps: int, final: jax.typing.ArrayLike = 0.0
) -> optax.Schedule:
    """Let the rate fall along half a wave of the cosine, and then stay.

    a_t = final + (init - final) (1 + cos(pi t / steps)) / 2. It is
    `optax.cosine_decay_schedule(init, steps, final / init)`. `final` is reached at step
    `steps`: of `steps` updates none is made at it.

    Args:
      init: the first rate, >= 0.
      steps: updates until the rate is final, >= 1.
      final: the rate from then on, >= 0.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    References:
      Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5 with a single cycle.
    """
    arguments.require_non_negative(init=init, final=final)
    arguments.require_counts(steps=steps)
    return lambda step: half_wave(init, final, jnp.minimum(step, steps), steps)


def half_wave(
    init: jax.typing.ArrayLike,
    final: jax.typing.ArrayLike,
    step: jax.typing.ArrayLike,
    steps: jax.typing.ArrayLike,
) -> jax.Array:
    """Return final + (init - final) (1 + cos(pi step / steps)) / 2."""
    return final + 0.5 * (init - final) * (1 + jnp.cos(math.pi * step / steps))
