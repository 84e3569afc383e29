"""Many trials of one experiment, run side by side and put into one table."""

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from lec7 import program, runs
from lec7.command import options, sweep_data, sweep_flags, sweep_line, sweep_results
from lec7.sweeps import (
    choice,
    engine,
    grouping,
    planning,
    processes,
    results,
    sweep_folder,
)
from lec7.sweeps import search as searching
from lec7.sweeps.trials import FAILED, FINISHED, UNFINISHED, Row

LOST = 9  # the exit code where a process was ended from outside, again and again
_SHOWN = 10  # trials that failed
_OFTEN = 60.0  # seconds between two tables while trials run
_RARELY = 20  # times what a table took, until the next one
_IsSettled = Callable[[pathlib.Path, grouping.Task], bool]


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
      UsageError: at the end, where no trial has the objective; all are done.
    """
    search = _searched(asked)
    plan = _planned(asked) if search is None else planning.Plan(search.sweep, (), ())
    root = pathlib.Path(asked.flags.workdir or plan.sweep.folder).expanduser()
    sweep_folder.examine(root, plan.sweep)
    settings = [search.space] if search else [of.settings for of in plan.trials]
    sweep_data.require(asked, plan.sweep, settings)
    with _executor(asked.flags) as executor, runs.lock(root):
        # Another driver may have extended it since.
        plan = plan._replace(sweep=sweep_folder.examine(root, plan.sweep))
        sweep_folder.begin(root, plan.sweep)
        work = _Work(asked, root, executor)
        if search is None:
            rows = work.run(plan, (), is_settled=engine.is_settled)
        else:
            rows = _search(work, search._replace(sweep=plan.sweep))
        lines = work.collect(rows)
    print("\n".join([_done(root, rows), *lines]), flush=True)
    then = "the same command tries them again" if search is None else "others followed"
    _require_done(root, rows, then)
    choice.objective(rows, asked.flags.objective)


def _planned(asked: options.Asked) -> planning.Plan:
    return planning.plan(*_swept(asked), **_drawn(asked))


def _searched(asked: options.Asked) -> planning.Search | None:
    if asked.flags.search is None:
        return None
    searching.require_optuna()
    objective = asked.flags.objective
    return planning.plan_search(*_swept(asked), **_drawn(asked), objective=objective)


def _swept(asked: options.Asked) -> tuple[pathlib.Path, str, str]:
    choice.objective([], asked.flags.objective)  # which may be refused by its name
    return asked.experiments, _known(asked), asked.flags.sweep


def _drawn(asked: options.Asked) -> dict[str, Any]:
    flags = asked.flags
    return {
        "base": asked.settings,
        "trials": flags.trials,
        "seed": flags.sweep_seed,
        "members": flags.members,
    }


def _known(asked: options.Asked) -> str:
    flags = asked.flags
    if flags.experiment is None:
        raise runs.UsageError("--experiment is missing; expected it beside --sweep")
    sweep_flags.require_together(flags)
    return options.require_known("experiment", flags.experiment, asked.experiments)


def _search(work: "_Work", search: planning.Search) -> list[Row]:
    """Run round after round, each chosen by what came of those before.

    A trial that failed is told so, and not tried again.

    Returns:
      The rows of all trials.
    """
    rows: list[Row] = []
    plan = planning.Plan(search.sweep, (), ())
    (*_, wanted), objective = search.sweep.trials, search.sweep.objective
    while len(rows) < wanted:
        if rows:
            objective = _required(work, rows, search.sweep.objective)
        found = searching.search(
            search.space, rows, objective or choice.BY_DEFAULT, search.sweep.seed
        )
        plan = planning.extended(search, plan, found[: wanted - len(rows)])
        rows = work.run(plan, rows, is_settled=_has_ended)
    return rows


def _required(work: "_Work", rows: Sequence[Row], asked: str | None) -> str | None:
    """Return what chooses the next round; see `choice.required`.

    Raises:
      UsageError: there is no such measure; what was found so far has been written.
    """
    try:
        return choice.required(rows, asked)
    except runs.UsageError as error:
        print("\n".join(work.collect(rows)), flush=True)
        raise runs.UsageError(
            f"{error}; a search by another objective is another sweep, which wants "
            "another --workdir if one is given and runs these trials again"
        ) from error


def _has_ended(root: pathlib.Path, task: grouping.Task) -> bool:
    known = [sweep_folder.row(root, t, lambda folder: {}) for t in task.trials]
    return all(row.status != UNFINISHED for row in known)


def _executor(flags: Any) -> contextlib.AbstractContextManager[processes.Executor]:
    if flags.ray is None:
        return processes.pool(flags.workers or max(1, (os.cpu_count() or 1) // 2))
    from lec7.sweeps import ray_cluster

    return ray_cluster.joined(flags.ray, cpus=flags.trial_cpus, gpus=flags.trial_gpus)


class _Work:
    """What runs the trials of one command, and tells of them."""

    def __init__(
        self, asked: options.Asked, root: pathlib.Path, executor: processes.Executor
    ):
        self._asked, self._root, self._executor = asked, root, executor
        self._written, self._pause = time.monotonic(), _OFTEN

    def run(
        self, plan: planning.Plan, known: Sequence[Row], *, is_settled: _IsSettled
    ) -> list[Row]:
        """Run what is left of a plan.

        Args:
          plan: of the sweep.
          known: rows of its first trials.
          is_settled: root, task -> whether it is not to be run.

        Returns:
          The rows of all its trials.
        """
        root, experiments = self._root, self._asked.experiments
        fields = grouping.members(experiments, plan.sweep.experiment)
        devices = self._asked.flags.devices
        words = [] if devices is None else [f"--devices={devices}"]
        tasks = grouping.tasks(root, plan, fields, [*program.words(), *words])
        others = plan.trials[len(known) :]
        found = [sweep_folder.row(root, trial, results.values) for trial in others]
        rows = [*known, *found]
        new = {trial.number for trial in others}
        pending = [
            task
            for task in tasks
            if task.trials[0].number in new and not is_settled(root, task)
        ]
        left = {trial.number for task in pending for trial in task.trials}
        ended = engine.run(root, plan.sweep, pending, self._executor, results.values)
        with sweep_line.shown(self._executor.slots) as show:
            show(rows, len(left))
            for row in ended:
                rows[row.trial.number] = row
                left.discard(row.trial.number)
                show(rows, len(left))
                if (begin := time.monotonic()) - self._written > self._pause:
                    self.collect(rows)
                    self._written = time.monotonic()
                    self._pause = max(_OFTEN, _RARELY * (self._written - begin))
        return rows

    def collect(self, rows: Sequence[Row]) -> list[str]:
        """Write what the trials have found so far.

        Returns:
          What to say of it.
        """
        asked = self._asked
        name, objective = asked.flags.experiment, asked.flags.objective
        return sweep_results.tell(asked.experiments, self._root, name, rows, objective)


def _done(root: pathlib.Path, rows: Sequence[Row]) -> str:
    done = sum(row.status == FINISHED for row in rows)
    are = "trial is" if len(rows) == 1 else "trials are"
    return f"{root}: {done} of {len(rows)} {are} finished"


def _require_done(root: pathlib.Path, rows: Sequence[Row], then: str) -> None:
    """Say which trials have failed.

    Raises:
      SweepError: see `run_sweep`.
    """
    failed = [row for row in rows if row.status == FAILED]
    for row in failed[:_SHOWN]:
        print(f"{root / row.trial.folder}: {row.said}", file=sys.stderr)
    if failed[_SHOWN:]:
        print(f"... and {len(failed) - _SHOWN} more that failed", file=sys.stderr)
    codes = [_code(root, row) for row in failed]
    again = [code for code in codes if code != sweep_folder.DIVERGED]
    if again:
        trials = "trial" if len(again) == 1 else "trials"
        raise SweepError(f"{len(again)} {trials} failed; {then}", again[0])


def _code(root: pathlib.Path, row: Row) -> int:
    failure = sweep_folder.failure_of(root, row.trial)
    if failure is None:  # which was not written, since the disk is full
        return 6
    return LOST if failure.code < 0 else failure.code
