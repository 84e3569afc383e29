"""Hosts of a star as processes that do nothing else: no JAX, a few megabytes each."""

import multiprocessing
import threading
import time
from collections.abc import Mapping

from lec7.hosts import line, star

PATIENCE = 120.0  # seconds in which all must have come
LOST_AFTER = 60.0  # the default of `--lost_after`
ROUNDS, LARGE_ROUNDS = 20, 3  # exchanges that are timed
STILL = 12.0  # seconds of beating alone
LAST = 3.0  # seconds after the parting
LARGE = 2**20  # bytes of a value that all are told


def measure(count: int, still: float = STILL) -> Mapping[str, str]:
    """Return how long some hosts take to tell each other, and what beating costs.

    Args:
      count: of hosts, each a process of this machine.
      still: seconds in which they only beat.
    """
    meeting = line.Meeting("localhost")
    context = multiprocessing.get_context("fork")
    others = [
        context.Process(target=_member, args=(meeting.invitation, i, count, still))
        for i in range(1, count)
    ]
    began = time.perf_counter()
    for process in others:
        process.start()
    lines = meeting.lines(count, PATIENCE)
    joined = time.perf_counter() - began
    hub = star.Star(0, count, lines, lost_after=LOST_AFTER)
    threads, before = threading.active_count(), time.process_time()
    small, large = _exchange(hub)
    working = (time.process_time() - before) / (ROUNDS + LARGE_ROUNDS)
    hub.gathered(b"")  # all begin to be still
    before = time.process_time()
    time.sleep(still)
    beating = (time.process_time() - before) / still
    hub.part()
    for process in others:
        process.join()
    hub.close()
    return {
        "coming together": f"{joined:.3g} s",
        "a value of each to all": f"{1000 * small:.3g} ms",
        "1 MB to all": f"{1000 * large:.3g} ms",
        "processor of the first, each": f"{1000 * working:.3g} ms",
        "its threads": f"{threads}",
        "its processor while it beats": f"{100 * beating:.2g} %",
    }


def _member(invitation: bytes, index: int, count: int, still: float) -> None:
    own = {0: line.answer(invitation, index, PATIENCE)}
    one = star.Star(index, count, own, lost_after=LOST_AFTER)
    _exchange(one)
    one.gathered(b"")
    time.sleep(still)
    one.part()
    time.sleep(LAST)  # as JAX's own end waits for all


def _exchange(one: star.Star) -> tuple[float, float]:
    """Return the seconds of an exchange of small values, and of a large one to all."""
    one.gathered(b"")  # all have come
    began = time.perf_counter()
    for _ in range(ROUNDS):
        one.mark()
        one.gathered(b"x")
    small = (time.perf_counter() - began) / ROUNDS
    began = time.perf_counter()
    for _ in range(LARGE_ROUNDS):
        one.from_first(b"x" * LARGE if one.index == 0 else None)
        one.gathered(b"")
    return small, (time.perf_counter() - began) / LARGE_ROUNDS
