"""Whether the machine can deliver what a quotation needs.

Two conditions: two cores do nearly twice the work of one, and other processes leave
them alone while a sample is taken. The second is read from `/proc/stat`, which counts
the time of all processes and what a hypervisor has taken, less that of this process and
of its children that have ended.
"""

import concurrent.futures
import os
import pathlib
import platform
import time
from typing import NamedTuple

import numpy as np

LEAST_SPEEDUP = 1.8  # work of two threads, in that of one
MOST_FOREIGN = 0.12  # of the time of all cores, used by others
_STAT = pathlib.Path("/proc/stat")
WORKERS: set[int] = set()
"""Children that are at work for this process, whose time is its own."""


class Reading(NamedTuple):
    """Seconds of all cores since the machine started."""

    busy: float  # in use, by whomever
    total: float  # in use or idle
    own: float  # in use by this process


def read(stat: str | None = None) -> Reading:
    """Read the counters of the machine and of this process.

    Args:
      stat: text in the form of `/proc/stat`, which is read unless given.

    Raises:
      OSError: there is no such file: only Linux has it.
    """
    text = _STAT.read_text() if stat is None else stat
    # user nice system idle iowait irq softirq steal; guests are counted in user.
    counts = [int(word) for word in text.splitlines()[0].split()[1:9]]
    ticks = os.sysconf("SC_CLK_TCK")
    times = os.times()
    return Reading(
        busy=(sum(counts) - counts[3] - counts[4]) / ticks,
        total=sum(counts) / ticks,
        own=sum(times[:4]) + sum(map(_ticks, WORKERS)) / ticks,
    )


def _ticks(process: int) -> int:
    """Return the time that a process has used, 0 if it has ended."""
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0
    user, system = text.rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def foreign(before: Reading, after: Reading) -> float:
    """Return the share of all cores that others have used between two readings."""
    total = after.total - before.total
    others = (after.busy - before.busy) - (after.own - before.own)
    return max(0.0, others / total) if total > 0 else 0.0


def complaint(speedup: float) -> str | None:
    """Return why nothing may be quoted, if two threads do too little."""
    if speedup >= LEAST_SPEEDUP:
        return None
    return f"two threads do {speedup:.2f} times the work of one"


def speedup(*, size: int = 512, products: int = 12, repeats: int = 5) -> float:
    """Return the work of two threads in that of one, by products of matrices.

    Each thread multiplies matrices of its own, with a BLAS of one thread. The least
    times count, as what the machine can do. A process bound to one core is not asked.

    Args:
      size: side of the matrices.
      products: of each thread.
      repeats: of either measurement.
    """
    import threadpoolctl

    if threads() == 1:
        return 2.0
    matrix = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)

    def work(_) -> float:
        return sum(float((matrix @ matrix)[0, 0]) for _ in range(products))

    def seconds(threads: int) -> float:
        start = time.perf_counter()
        list(pool.map(work, range(threads)))
        return time.perf_counter() - start

    with (
        threadpoolctl.threadpool_limits(1),
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        list(pool.map(work, range(2)))
        both = [(seconds(1), seconds(2)) for _ in range(repeats)]
    one, two = map(min, zip(*both, strict=True))
    return 2 * one / two


def threads() -> int:
    """Return the cores of this process, which is how many threads everyone gets."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, str | int]:
    """Return what the ratios depend on beside the code."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return {
        "processor": names[0] if names else platform.machine(),
        "threads": threads(),
        "python": platform.python_version(),
    }
