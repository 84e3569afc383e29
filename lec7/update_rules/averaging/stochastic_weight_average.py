"""The mean of snapshots of the parameters, kept beside any update rule."""

import jax.numpy as jnp
import optax

from lec7 import arguments
from lec7.update_rules.averaging import parameter_average


def stochastic_weight_average(
    start: int, every: int
) -> optax.GradientTransformationExtraArgs:
    """Average snapshots of the parameters, all with the same weight: SWA.

    Snapshots are taken after update `start` and every `every` updates from there on.
    With n of them, average <- average + (x_t - average) / n; between two it stays.
    Until the first, the average is the parameters of the last update.

    With a rate that restarts every `every` updates, and `start` a multiple of them,
    each snapshot is the end of a cycle. The paper's mean begins with the network it is
    started from, so its w_SWA is that of `start` = the updates made before; with 0 the
    initial parameters are the first snapshot.

    Last in a chain, as it takes what reaches it for the update that will be applied. In
    a network with BatchNorm the average has statistics of its own, which
    `lec7.train.refit_batch_stats` finds.

    Equal to torch's `AveragedModel`, updated when a snapshot is due.

    Args:
      start: updates before the first snapshot, >= 0.
      every: updates between two snapshots, >= 1.

    Returns:
      A transformation that needs `params`; read it with `averaged_params`.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> from lec7 import update_rules
      >>> rule = optax.chain(optax.sgd(1.0), stochastic_weight_average(2, 3))
      >>> x = jnp.array(0.0)
      >>> state = rule.init(x)
      >>> for _ in range(7):
      ...     updates, state = rule.update(jnp.array(-1.0), state, x)
      ...     x = optax.apply_updates(x, updates)
      >>> x, update_rules.averaged_params(state)
      (Array(7., dtype=float32), Array(3.5, dtype=float32))

    References:
      Izmailov et al. 2018, arXiv:1803.05407, algorithm 1.
    """
    arguments.require_counts(start=start, least=0)
    arguments.require_counts(every=every)

    def weight(count):
        since = count - start
        snapshots = 1 + since // every
        share = jnp.where(since % every == 0, 1.0 / jnp.maximum(snapshots, 1), 0.0)
        return jnp.where(since < 0, 1.0, share)

    return parameter_average.average_params("stochastic_weight_average", weight)
