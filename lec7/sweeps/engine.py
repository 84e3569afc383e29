"""Trials are run until each is finished or has failed, whatever runs them."""

import pathlib
import time
from collections.abc import Iterator, Sequence

from lec7 import signals
from lec7.sweeps import grouping, sweep_folder
from lec7.sweeps.grouping import Task
from lec7.sweeps.planning import Sweep
from lec7.sweeps.processes import LOOK, Executor
from lec7.sweeps.trials import Row

AGAIN = 3
"""Times that a trial is tried again whose process was ended from outside."""
_PAUSE = 1.0  # seconds, the first time, so that what was ended can let its folder go


def run(
    root: pathlib.Path,
    sweep: Sweep,
    tasks: Sequence[Task],
    executor: Executor,
    values: sweep_folder.Values,
) -> Iterator[Row]:
    """Run tasks, and yield what becomes of their trials.

    Args:
      root: the sweep's folder, which this process has locked.
      sweep: what it is.
      tasks: of the sweep, those that are not settled.
      executor: what runs them.
      values: of a finished run's folder, what it has measured.

    Yields:
      The row of each trial that was run, in the order in which they end.

    Raises:
      Signalled: this process was told to end; what runs has been told so too.
      OSError: the sweep's folder may not be written.
    """
    pending = tasks
    for again in range(AGAIN + 1):
        lost = []
        for task, ended in executor.run(_begun(root, sweep, pending)):
            if ended.is_lost and again < AGAIN and not is_settled(root, task):
                lost.append(task)
                continue
            for trial in task.trials:
                yield sweep_folder.settle(root, trial, ended, values)
        if not lost:
            return
        pending = lost
        _pause(_PAUSE * 2**again)


def is_settled(root: pathlib.Path, task: Task) -> bool:
    """Return whether every trial of a task is finished, or diverges."""
    return all(
        sweep_folder.is_finished(root, trial) or sweep_folder.has_diverged(root, trial)
        for trial in task.trials
    )


def _begun(root: pathlib.Path, sweep: Sweep, tasks: Sequence[Task]) -> Iterator[Task]:
    for task in tasks:
        grouping.write(root, sweep, task)
        yield task


def _pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        signals.check()
        time.sleep(LOOK)
