"""Rounds in which everyone takes a turn, and ratios within a round."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks import machine

ATTEMPTS = 2  # rounds that are tried for each one that is wanted
PAUSE = 1.0  # seconds after a round that others have disturbed


class Rounds(NamedTuple):
    """Seconds of everyone, round after round."""

    seconds: Mapping[str, list[float]]
    """Name -> one time a round."""
    dropped: int
    """Rounds that others have disturbed."""
    foreign: float
    """The highest foreign load in a round that was kept."""


NONE = Rounds({}, dropped=0, foreign=0.0)


class Spread(NamedTuple):
    """A median and the quartiles about it."""

    median: float
    low: float
    high: float


def alternate(
    runs: Mapping[str, Callable[[], Any]],
    *,
    rounds: int,
    most_foreign: float | None = machine.MOST_FOREIGN,
    read: Callable[[], machine.Reading] = machine.read,
    clock: Callable[[], float] = time.perf_counter,
    pause: Callable[[float], None] = time.sleep,
) -> Rounds:
    """Run everyone in turn, round after round, after one turn that is not counted.

    A round is dropped whole if others used more than `most_foreign` of the machine
    during the turn of anyone, since a ratio needs both times of one round. As many as
    `ATTEMPTS` rounds are tried for each one that is wanted.

    Args:
      runs: name -> a call that does the work, waits for it, and returns all results.
      rounds: wanted.
      most_foreign: None keeps every round.
      read: the counters of the machine.
      clock: seconds.
      pause: sleeps.

    Returns:
      The rounds that were kept, perhaps fewer than wanted.
    """
    for run in runs.values():
        run()
    kept: list[dict[str, float]] = []
    dropped, highest = 0, 0.0
    while len(kept) < rounds and len(kept) + dropped < ATTEMPTS * rounds:
        turns = {name: _turn(run, read, clock) for name, run in runs.items()}
        load = max(load for _, load in turns.values())
        if most_foreign is not None and load > most_foreign:
            dropped += 1
            pause(PAUSE)
            continue
        highest = max(highest, load)
        kept.append({name: seconds for name, (seconds, _) in turns.items()})
    seconds = {name: [found[name] for found in kept] for name in runs}
    return Rounds(seconds, dropped, highest)


def _turn(run, read, clock) -> tuple[float, float]:
    before, start = read(), clock()
    results = run()
    seconds = clock() - start
    del results  # after the clock: freeing it is not the work
    return seconds, machine.foreign(before, read())


def ratios(rounds: Rounds, ours: str) -> Iterator[tuple[str, list[float]]]:
    """Yield for every peer its time in ours, round by round; above 1 we are faster."""
    for name, seconds in rounds.seconds.items():
        if name != ours:
            pairs = zip(seconds, rounds.seconds[ours], strict=True)
            yield name, [theirs / mine for theirs, mine in pairs]


def spread(values: list[float]) -> Spread:
    """Return median and quartiles.

    Example:
      >>> spread([1.0, 2.0, 3.0, 4.0, 5.0])
      Spread(median=3.0, low=2.0, high=4.0)
    """
    if len(values) == 1:
        return Spread(*values * 3)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)
