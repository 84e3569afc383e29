"""What a training would take, as a call."""

import time
from collections.abc import Callable
from typing import Any

import optax
from flax import linen as nn

from lec7.train import costs, inputs, population, rehearsal


def cost(
    model: nn.Module | inputs.Pair,
    rule: optax.GradientTransformation,
    dataset: Any,
    *,
    steps: int,
    batch_size: int,
    hosts: int = 1,
    clock: Callable[[], float] = time.perf_counter,
    **given: Any,
) -> costs.Cost:
    """Return what a training takes, which is compiled, timed for a second and not made.

    FLOPs and bytes are those of the compiled update, seconds those of updates and
    evaluations on this machine as it is now. Nothing is kept; what is written to be
    timed goes to a folder for temporary files, which is emptied.

    Args:
      model: see `train.train`.
      rule: see `train.train`.
      dataset: see `train.train`.
      steps: see `train.train`.
      batch_size: see `train.train`.
      hosts: N, where `Cost.on(N)` is to be asked for: an update is timed with an Nth of
        the batch too, so that it is known what more hosts do not shorten.
      clock: see `rehearsed`.
      **given: what else `train.train` takes; a folder is not used.

    Returns:
      The cost, whose `total` is in seconds.

    Raises:
      ValueError: see `train.train`.
      TooLargeError: the population needs more memory than there is.

    Example:
      >>> import numpy as np
      >>> from lec7 import models, update_rules
      >>> x, y = np.zeros((64, 10), np.float32), np.arange(64) % 5
      >>> network, rule = models.MLP(5, widths=(20,)), update_rules.adam(0.001)
      >>> found = cost(network, rule, (x, y), steps=100, batch_size=32)
      >>> found.parameters, found.bytes.parameters, found.bytes.optimiser
      (325, 1300, 2604)

    References:
      Kaplan et al. 2020, arXiv:2001.08361, table 1, for FLOPs = 6 P B.
    """
    given["folder"] = None
    began = clock()
    with rehearsal.rehearsed(hosts, clock) as rehearsed:
        population.train(
            model, rule, dataset, steps=steps, batch_size=batch_size, **given
        )
    (found,) = rehearsed.found
    once = clock() - began - rehearsed.seconds
    seconds = found.seconds._replace(compile=found.seconds.compile + once)
    return found._replace(seconds=seconds)
