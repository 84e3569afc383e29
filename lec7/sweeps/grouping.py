"""Which trials one process runs: one, or all that one compiled program trains.

An experiment that declares `MEMBERS = ("learning_rate", "seeds")` can train networks
that differ in these fields alone as the members of one population.
"""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lec7.runs import excerpts, json_file
from lec7.sweeps.planning import Plan, Sweep
from lec7.sweeps.trials import Trial


class Task(NamedTuple):
    """What one process does."""

    trials: tuple[Trial, ...]
    words: list[str]
    """Of its command line, behind Python."""
    folder: pathlib.PurePosixPath
    """Where it works, within that of the sweep."""


def members(experiments: pathlib.Path, name: str) -> tuple[str, ...]:
    """Return the fields in which members of a population of an experiment may differ.

    Args:
      experiments: their folder.
      name: one of them, which is read without its imports.

    Returns:
      What the experiment declares as `MEMBERS`; empty where it does not.
    """
    try:
        return tuple(excerpts.read(experiments, name, "MEMBERS"))
    except excerpts.UnreadableError:
        return ()


def tasks(
    root: pathlib.Path, plan: Plan, fields: Sequence[str], program: Sequence[str]
) -> list[Task]:
    """Return what is to be done for all trials of a sweep, in their order.

    Trials that extend a sweep form groups of their own, so that those that there were
    stay as they are.

    Args:
      root: the sweep's folder.
      plan: the sweep and its trials.
      fields: in which trials that are trained together may differ.
      program: the words that run this program.
    """
    common = [*program, f"--experiment={plan.sweep.experiment}"]
    found = []
    for number, group in enumerate(_groups(plan, fields)):
        if len(group) == 1:
            place = group[0].folder
            words = [*common, *plan.sweep.words, *group[0].words]
        else:
            place = pathlib.PurePosixPath("groups", f"{number:04d}")
            words = [*common, f"--together={root / place}.json"]
        found.append(Task(group, [*words, f"--workdir={root / place}"], place))
    return found


def write(root: pathlib.Path, sweep: Sweep, task: Task) -> None:
    """Write the words and folders of the trials of a task, if they are many."""
    if len(task.trials) > 1:
        listed = [
            {
                "words": [*sweep.words, *trial.words],
                "folder": str(root / trial.folder),
            }
            for trial in task.trials
        ]
        json_file.write(root / f"{task.folder}.json", {"trials": listed})


def _groups(plan: Plan, fields: Sequence[str]) -> Iterator[tuple[Trial, ...]]:
    begins = [0, *plan.sweep.trials[:-1]]
    for begin, end in zip(begins, plan.sweep.trials, strict=True):
        alike: dict[Any, list[Trial]] = {}
        for trial in plan.trials[begin:end]:
            alike.setdefault(_key(trial, fields), []).append(trial)
        for group in alike.values():
            yield from _cut(group, plan.networks, plan.sweep.members)


def _cut(
    group: Sequence[Trial], networks: Sequence[int], most: int
) -> Iterator[tuple[Trial, ...]]:
    """Yield parts of a group that have no more networks than `most`, or one trial."""
    part: list[Trial] = []
    count = 0
    for trial in group:
        count += networks[trial.number]
        if part and count > most:
            yield tuple(part)
            part, count = [], networks[trial.number]
        part.append(trial)
    yield tuple(part)


def _key(trial: Trial, fields: Sequence[str]) -> Any:
    if not fields:
        return trial.number
    return frozenset((k, v) for k, v in trial.settings.items() if k not in fields)
