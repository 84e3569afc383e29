"""Trials in processes of this machine, one after another or some at a time."""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent import futures
from typing import NamedTuple

from lec7 import signals
from lec7.runs import exits, series
from lec7.sweeps.grouping import Task

LOOK = 0.2  # seconds between two looks at what runs
_MEMORY = 0.9  # of a GPU, which the processes share


class Ended(NamedTuple):
    """How a process has ended."""

    code: int
    """The exit code; that of a process which a signal has ended is negative."""
    said: str
    """The last line of its standard error."""

    @property
    def is_lost(self) -> bool:
        """Whether it was ended from outside, or the one before it is still ending."""
        return self.code < 0 or self.code == exits.FolderInUseError.exit_code


class Executor(NamedTuple):
    """What runs tasks."""

    run: Callable[[Iterable[Task]], Iterator[tuple[Task, Ended]]]
    """Takes a task when it can start it, and gives it back when it has ended."""
    slots: int
    """How many it runs at the same time."""


class _Abandoned(Exception):
    """Nobody waits for the result any more."""


def attempt(
    words: Iterable[str],
    *,
    environment: Mapping[str, str] = os.environ,
    check: Callable[[], None] = signals.check,
) -> Ended:
    """Run this program once, in silence.

    Args:
      words: of its command line, behind Python.
      environment: of its process.
      check: see `runs.run_process`.

    Returns:
      How it ended.

    Raises:
      Signalled: this process was told to end.
    """
    try:
        code, said = series.run_process(
            [*words],
            show=lambda line: None,
            silent=True,
            environment=environment,
            check=check,
        )
    except signals.Signalled as error:
        check()
        code, said = 128 - error.exit_code, ""
    except (OSError, ValueError) as error:
        code, said = exits.exit_code(error), f"its process does not start: {error}"
    if code < 0:
        said = f"its process was ended by {_name(-code)}"
    return Ended(code, said)


@contextlib.contextmanager
def pool(workers: int) -> Generator[Executor, None, None]:
    """Yield what runs tasks in so many processes at a time."""
    environment = dict(os.environ)
    if workers > 1:  # each of which would take three quarters of a GPU's memory
        share = f"{_MEMORY / workers:.3f}"
        environment.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", share)

    def run(tasks: Iterable[Task]) -> Iterator[tuple[Task, Ended]]:
        return _run(iter(tasks), workers, environment)

    yield Executor(run, workers)


def _run(
    tasks: Iterator[Task], workers: int, environment: Mapping[str, str]
) -> Iterator[tuple[Task, Ended]]:
    stop = threading.Event()

    def check() -> None:
        signals.check()
        if stop.is_set():
            raise _Abandoned

    running: dict[futures.Future, Task] = {}
    with futures.ThreadPoolExecutor(workers) as threads:
        try:
            while True:
                for task in itertools.islice(tasks, workers - len(running)):
                    future = threads.submit(
                        attempt, task.words, environment=environment, check=check
                    )
                    running[future] = task
                if not running:
                    return
                done, _ = futures.wait(running, LOOK, futures.FIRST_COMPLETED)
                signals.check()
                for future in done:
                    yield running.pop(future), future.result()
        finally:
            stop.set()


def _name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
