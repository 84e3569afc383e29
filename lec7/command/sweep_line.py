"""One line that says how far a sweep is."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Generator, Sequence

from lec7.sweeps.trials import FAILED, FINISHED, Row

_OFTEN = 5.0  # seconds between two lines where there is no terminal


@contextlib.contextmanager
def shown(slots: int) -> Generator[Callable[[Sequence[Row], int], None], None, None]:
    """Yield what shows the line, which a terminal has in one place.

    Args:
      slots: how many trials run at a time.

    Yields:
      A function of the rows of all trials, and of how many of them are still to run.
    """
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    begin = time.monotonic()
    first, last = None, -_OFTEN

    def show(rows: Sequence[Row], left: int) -> None:
        nonlocal first, last
        now = time.monotonic()
        first = left if first is None else first
        text = told(rows, left, min(left, slots), (first - left, now - begin))
        if is_terminal:
            print(f"\r{text}\x1b[K", end="", flush=True)
        elif now - last >= _OFTEN or not left:
            print(text, flush=True)
            last = now

    try:
        yield show
    finally:
        if is_terminal:
            print()


def told(rows: Sequence[Row], left: int, running: int, pace: tuple[int, float]) -> str:
    """Return how far a sweep is.

    Args:
      rows: of all trials.
      left: how many are still to run.
      running: how many of these run.
      pace: how many have ended, in how many seconds.
    """
    from lec7 import report

    count = [row.status for row in rows].count
    parts = [f"{count(FINISHED)} of {len(rows)} trial{'s' * (len(rows) != 1)} done"]
    if count(FAILED):
        parts.append(f"{count(FAILED)} failed")
    if running:
        parts.append(f"{running} running")
    ended, seconds = pace
    if ended and left:
        parts.append(f"{report.format_duration(seconds * left / ended)} left")
    return ", ".join(parts)
