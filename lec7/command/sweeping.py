"""Many trials of one experiment, run side by side and put into one table."""

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from lec7 import program, runs
from lec7.command import options, sweep_flags, sweep_line
from lec7.sweeps import engine, grouping, planning, processes, results, sweep_folder
from lec7.sweeps.trials import FAILED, FINISHED, Row

LOST = 9  # the exit code where a process was ended from outside, again and again
_SHOWN = 10  # trials that failed
_OFTEN = 60.0  # seconds between two tables while trials run


class SweepError(Exception):
    """Trials have failed otherwise than by divergence."""

    def __init__(self, message: str, exit_code: int):
        """Take the exit code of the first of them."""
        super().__init__(message)
        self.exit_code = exit_code


def run_sweep(asked: options.Asked) -> None:
    """Run the trials of a sweep that are not finished, and write their table.

    Raises:
      UsageError: it cannot be done; nothing has been written.
      FolderInUseError: another process is at work in the sweep's folder.
      SweepError: a trial has failed otherwise than by divergence; the others are done.
    """
    plan = _planned(asked)
    root = pathlib.Path(asked.flags.workdir or plan.sweep.folder).expanduser()
    sweep_folder.examine(root, plan.sweep)
    fields = grouping.members(asked.experiments, plan.sweep.experiment)
    with _executor(asked.flags) as executor, runs.lock(root):
        # Another driver may have extended it since.
        plan = plan._replace(sweep=sweep_folder.examine(root, plan.sweep))
        sweep_folder.begin(root, plan.sweep)
        devices = asked.flags.devices
        words = [] if devices is None else [f"--devices={devices}"]
        tasks = grouping.tasks(root, plan, fields, [*program.words(), *words])
        rows = _run(root, plan, tasks, executor)
        _collect(root, rows)
    _conclude(root, rows)


def _planned(asked: options.Asked) -> planning.Plan:
    flags = asked.flags
    if flags.experiment is None:
        raise runs.UsageError("--experiment is missing; expected it beside --sweep")
    sweep_flags.require_together(flags)
    name = options.require_known("experiment", flags.experiment, asked.experiments)
    return planning.plan(
        asked.experiments,
        name,
        flags.sweep,
        base=asked.settings,
        trials=flags.trials,
        seed=flags.sweep_seed,
        members=flags.members,
    )


def _executor(flags: Any) -> contextlib.AbstractContextManager[processes.Executor]:
    if flags.ray is None:
        return processes.pool(flags.workers or max(1, (os.cpu_count() or 1) // 2))
    from lec7.sweeps import ray_cluster

    return ray_cluster.joined(flags.ray, cpus=flags.trial_cpus, gpus=flags.trial_gpus)


def _run(
    root: pathlib.Path,
    plan: planning.Plan,
    tasks: Sequence[grouping.Task],
    executor: processes.Executor,
) -> list[Row]:
    """Run what is left.

    Returns:
      The rows of all trials.
    """
    rows = [sweep_folder.row(root, trial, results.values) for trial in plan.trials]
    pending = [task for task in tasks if not engine.is_settled(root, task)]
    left = {trial.number for task in pending for trial in task.trials}
    written = time.monotonic()
    with sweep_line.shown(executor.slots) as show:
        show(rows, len(left))
        for row in engine.run(root, plan.sweep, pending, executor, results.values):
            rows[row.trial.number] = row
            left.discard(row.trial.number)
            show(rows, len(left))
            if time.monotonic() - written > _OFTEN:
                _collect(root, rows)
                written = time.monotonic()
    return rows


def _collect(root: pathlib.Path, rows: Sequence[Row]) -> None:
    """Write what the trials have found so far."""
    del root, rows


def _conclude(root: pathlib.Path, rows: Sequence[Row]) -> None:
    """Say what came of a sweep.

    Raises:
      SweepError: see `run_sweep`.
    """
    failed = [row for row in rows if row.status == FAILED]
    for row in failed[:_SHOWN]:
        print(f"{root / row.trial.folder}: {row.said}", file=sys.stderr)
    if failed[_SHOWN:]:
        print(f"... and {len(failed) - _SHOWN} more that failed", file=sys.stderr)
    done = sum(row.status == FINISHED for row in rows)
    print(f"{root}: {done} of {len(rows)} trials are finished", flush=True)
    codes = [_code(root, row) for row in failed]
    again = [code for code in codes if code != sweep_folder.DIVERGED]
    if again:
        raise SweepError(
            f"{len(again)} trials failed; the same command tries them again", again[0]
        )


def _code(root: pathlib.Path, row: Row) -> int:
    failure = sweep_folder.failure_of(root, row.trial)
    if failure is None:  # which was not written, since the disk is full
        return 6
    return LOST if failure.code < 0 else failure.code
