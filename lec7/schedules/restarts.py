"""Schedules that fall as a cosine and start again."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import arguments
from lec7.schedules import decays


def cyclic_cosine(init: jax.typing.ArrayLike, *, cycle_steps: int) -> optax.Schedule:
    """Let the rate fall along half a wave of the cosine, again and again.

    a_t = init / 2 (cos(pi mod(t, cycle_steps) / cycle_steps) + 1). The paper counts t
    from 1 and has mod(t - 1, ...). The last rate of a cycle of L updates is
    init / 2 (1 - cos(pi / L)), which is not zero.

    Args:
      init: the first rate of every cycle, >= 0.
      cycle_steps: L, updates in a cycle, >= 1; the paper's ceil(T / M).

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    References:
      Huang et al. 2017, arXiv:1704.00109, eq. 2.
    """
    return warm_restarts(init, cycle_steps=cycle_steps)


def snapshot_due(step: jax.typing.ArrayLike, *, cycle_steps: int) -> jax.Array | bool:
    """Tell whether the last update of a cycle of `cyclic_cosine` has just been made.

    Args:
      step: updates made so far, as `TrainState.step`: the index of the *next* update,
        which already belongs to the next cycle.
      cycle_steps: updates in a cycle, >= 1.

    Returns:
      True at cycle_steps, 2 cycle_steps and so on; of the shape of `step`.

    Raises:
      ValueError: `cycle_steps` is out of its range.

    Example:
      >>> [step for step in range(12) if snapshot_due(step, cycle_steps=4)]
      [4, 8]
    """
    arguments.require_counts(cycle_steps=cycle_steps)
    return (step > 0) & (step % cycle_steps == 0)


def warm_restarts(
    init: jax.typing.ArrayLike,
    *,
    cycle_steps: int,
    growth: int = 1,
    final: jax.typing.ArrayLike = 0.0,
) -> optax.Schedule:
    """Let the rate fall as a cosine in cycles that grow: SGDR.

    a_t = final + (init - final) (1 + cos(pi T_cur / T_i)) / 2, with T_cur the updates
    made since the last restart and T_i = cycle_steps growth^i. Step T_0 is the first of
    the second cycle. It is `optax.sgdr_schedule` of cycles without a warm-up, of which
    that one needs the list.

    Args:
      init: eta_max, the first rate of every cycle, >= 0.
      cycle_steps: T_0, updates in the first cycle, >= 1.
      growth: T_mult, the length of a cycle in units of the one before, >= 1.
      final: eta_min, which the rate falls towards, >= 0.

    Returns:
      The schedule.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> schedule = warm_restarts(1.0, cycle_steps=2, growth=2)
      >>> [round(float(schedule(step)), 3) for step in range(7)]
      [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]

    References:
      Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5.
    """
    arguments.require_non_negative(init=init, final=final)
    arguments.require_counts(cycle_steps=cycle_steps, growth=growth)
    # Every cycle of its own length that a step can lie in; the last length repeats.
    lengths, starts = [cycle_steps], [0]
    while growth > 1 and starts[-1] + lengths[-1] < arguments.COUNT_LIMIT:
        starts.append(starts[-1] + lengths[-1])
        lengths.append(lengths[-1] * growth)
    first = np.array(starts, np.int32)
    length = np.minimum(lengths, arguments.COUNT_LIMIT - 1).astype(np.int32)

    def schedule(step):
        cycle = jnp.searchsorted(first, step, side="right") - 1
        in_cycle = jnp.asarray(length)[cycle]
        since = (step - jnp.asarray(first)[cycle]) % in_cycle
        return decays.half_wave(init, final, since, in_cycle)

    return schedule
