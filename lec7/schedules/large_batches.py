"""What a large batch asks for: another rate, and a slow start."""

import math

import jax
import jax.numpy as jnp
import optax

from lec7 import arguments

RULES = {"linear": lambda ratio: ratio, "sqrt": math.sqrt}


def scale_for_batch(
    base: optax.ScalarOrSchedule,
    *,
    batch_size: int,
    base_batch_size: int,
    rule: str = "linear",
) -> optax.ScalarOrSchedule:
    """Return the rate for a batch size from that for another.

    base batch_size / base_batch_size, so that one update does about what the several of
    the small batch do; or base times the root of that ratio, which keeps the variance
    of an update.

    Args:
      base: the rate, or the schedule, for `base_batch_size`.
      batch_size: examples in a batch, >= 1.
      base_batch_size: examples in a batch that `base` was chosen for, >= 1.
      rule: `linear` or `sqrt`.

    Returns:
      A rate or a schedule, as `base` is.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> scale_for_batch(0.1, batch_size=1024, base_batch_size=256)
      0.4
      >>> scale_for_batch(0.1, batch_size=1024, base_batch_size=256, rule="sqrt")
      0.2

    References:
      Goyal et al. 2017, arXiv:1706.02677, sec. 2.1; Hoffer et al. 2017,
      arXiv:1705.08741, for the root.
    """
    arguments.require_counts(batch_size=batch_size, base_batch_size=base_batch_size)
    arguments.require_one_of(RULES, rule=rule)
    factor = RULES[rule](batch_size / base_batch_size)
    if callable(base):
        return lambda step: factor * base(step)
    arguments.require_non_negative(base=base)
    return factor * base


def warmup(
    schedule: optax.ScalarOrSchedule,
    *,
    steps: int,
    start: jax.typing.ArrayLike = 0.0,
) -> optax.Schedule:
    """Rise to the first rate of a schedule along a straight line, then follow it.

    a_t = start + (schedule(0) - start) t / steps before step `steps`, and
    schedule(t - steps) from there on: the schedule's own clock starts after the
    warm-up. `optax.warmup_cosine_decay_schedule(s, a, w, d)` counts the warm-up into
    its length d and is `warmup(cosine_decay(a, steps=d - w), steps=w, start=s)`.

    Args:
      schedule: what follows, a schedule or a constant rate >= 0.
      steps: updates of the warm-up, >= 1.
      start: the rate of the first update, >= 0. With 0 it moves nothing; Goyal et al.
        start at the rate of a single worker's batch.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> from lec7 import schedules
      >>> cosine = schedules.cosine_decay(1.0, steps=90)
      >>> schedule = schedules.warmup(cosine, steps=10)
      >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 55, 100)]
      [0.0, 0.5, 1.0, 0.5, 0.0]

    References:
      Goyal et al. 2017, arXiv:1706.02677, sec. 2.2.
    """
    if not callable(schedule):
        arguments.require_non_negative(schedule=schedule)
        schedule = optax.constant_schedule(schedule)
    arguments.require_non_negative(start=start)
    arguments.require_counts(steps=steps)

    def warmed(step):
        rise = start + (schedule(0) - start) * (1.0 * step / steps)
        after = schedule(jnp.maximum(step - steps, 0))
        return jnp.where(step < steps, rise, after)

    return warmed
