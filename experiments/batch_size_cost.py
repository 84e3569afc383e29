"""What an epoch costs: updates and seconds."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
import optax
from flax import linen as nn

from experiments import training
from lec7 import data, losses, report, train


def updates_an_epoch(seed: int, *, batch_size: int, examples: int) -> int:
    """Count the updates of a training until every example has been used.

    Example:
      >>> [updates_an_epoch(0, batch_size=size, examples=100) for size in (1, 32, 100)]
      [100, 4, 1]
    """
    order = data.batch_indices(
        seed, 0, examples, batch_size=batch_size, num_examples=examples
    )
    counts = range(1, examples + 1)
    return next(n for n in counts if np.unique(order[:n]).size == examples)


class Timed(NamedTuple):
    """Seconds of an update of one network."""

    sizes: np.ndarray
    """Batch sizes, [S]."""
    seconds: np.ndarray
    """An update, [R, S]."""
    examples: int
    """N, in an epoch."""

    def update(self, batch_size: int) -> np.ndarray:
        """Return the seconds of an update, [R]."""
        return self.seconds[:, list(self.sizes).index(batch_size)]

    def epoch(self, batch_size: int) -> np.ndarray:
        """Return the seconds of an epoch, [R]."""
        return self.update(batch_size) * self.examples / batch_size


def measure(
    study: training.Study,
    model: nn.Module,
    rule: optax.GradientTransformation,
    batch_sizes: Sequence[int],
    *,
    seed: int,
    repeats: int,
) -> Timed:
    """Time the compiled training of one network, without its compilation.

    A repeat times every batch size in turn, so that whatever else the machine does
    meets them all; each for an epoch, or for 16 updates where that is more.
    """
    trainings = [_training(study, model, rule, size, seed) for size in batch_sizes]
    seconds = [[run() for run in trainings] for _ in range(repeats)]
    examples = len(study.dataset.train.labels)
    return Timed(np.asarray(batch_sizes), np.asarray(seconds), examples)


def _training(study, model, rule, batch_size, seed) -> Callable[[], float]:
    """Return a function that makes some updates and returns the seconds of one."""
    split, device = study.dataset.train, study.devices[0]
    feed = train.from_arrays(*split, seeds=(seed,), batch_size=batch_size)
    step = train.make_step(
        model, rule, losses.cross_entropy, axis_name=train.DEVICE_AXIS
    )
    advance = train.make_advance(step, feed.fetch, (device,))
    state = train.initial_population(study.initialise(model), rule, (seed,))
    updates = max(len(split.labels) // batch_size, 16)
    given = jax.device_put((feed.data, feed.slots(0, updates)[None]), device)
    active = np.ones(1, bool)
    state, _ = jax.block_until_ready(advance(state, *given, active))

    def run():
        nonlocal state
        start = time.perf_counter()
        state, _ = jax.block_until_ready(advance(state, *given, active))
        return (time.perf_counter() - start) / updates

    return run


def section(
    timed: Timed, sizes: Mapping[str, int], counts: Mapping[str, np.ndarray], of: int
) -> report.Section:
    """Show what an update and an epoch cost."""
    curves = {
        "an epoch": np.stack([timed.epoch(size) for size in timed.sizes], axis=1),
        "an update": timed.seconds,
    }
    header = ("batch", f"updates an epoch of {of}", f"of {timed.examples:,} examples")
    return report.Section(
        "What an epoch costs",
        report.Table(
            (*header, "µs an update", "ms an epoch"),
            [
                (
                    name,
                    int(counts[name][0]),
                    -(-timed.examples // size),
                    float(1e6 * np.median(timed.update(size))),
                    float(1e3 * np.median(timed.epoch(size))),
                )
                for name, size in sizes.items()
            ],
            f"Median of {len(timed.seconds)} timings.",
        ),
        report.Curves(
            "cost",
            {name: (timed.sizes, 1e3 * y) for name, y in curves.items()},
            ("batch size (examples)", "time (milliseconds)"),
            log="xy",
            caption="Time of one network for an update and for an epoch of "
            f"{timed.examples:,} examples, without compilation. Where the line of an "
            "update is flat, more examples cost no time.",
            band="Median of the repeats, in a band from the lowest to the highest.",
        ),
    )
