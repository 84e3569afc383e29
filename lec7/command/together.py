"""Trials of a sweep that one compiled program trains, as members of one population.

This is no mode for users: `--sweep` runs it for the trials of a group, by
`--together=FILE --experiment=NAME --workdir=GROUP`. The file lists of each trial the
words of its configuration and its folder. The experiment declares `MEMBERS`, the fields
in which its networks may differ, and `run_together`. What the training needs is in the
folder of the group; each trial has an ordinary run's folder in the end.
"""

import collections
import json
import pathlib
import re
import shlex
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lec7 import files, program, runs
from lec7.command import metric_lines, options, single, telling
from lec7.runs import distributed

_NUMBERS = re.compile(r'\[([^\[\]"]*)\]')  # a value of each member, as they are written


class Trial(NamedTuple):
    """One of a group."""

    config: Any
    identity: str
    """Canonical JSON of the configuration."""
    folder: pathlib.Path
    words: Sequence[str]
    """Of its configuration, on the command line."""
    is_finished: bool
    refused: str
    """What stands in the way in its folder, which is left as it is; or empty."""

    @property
    def is_wanted(self) -> bool:
        """Whether it is to be written."""
        return not (self.is_finished or self.refused)


def run(asked: options.Asked) -> None:
    """Train the trials of a group, and write a run's folder for each.

    Args:
      asked: the command line.

    Raises:
      UsageError: the file is wrong, the trials cannot be trained together, or a folder
        holds something else.
      FolderInUseError: another process is at work in the folder of the group, or of a
        trial.
    """
    name = options.known(asked)
    if asked.settings or asked.flags.workdir is None:
        raise runs.UsageError(
            f"--together={asked.flags.together}: expected --workdir and no --config"
        )
    runs.simulate_devices(asked.flags.devices)
    experiment = runs.load(asked.experiments, name)
    trials = _read(asked, name, experiment)
    _require_alike(asked.flags.together, experiment, trials)
    if any(trial.is_wanted for trial in trials):
        _work(asked, name, experiment, trials)
    refused = [trial.refused for trial in trials if trial.refused]
    if refused:
        raise runs.UsageError(refused[0])
    print(f"{len(trials)} trials of {asked.flags.workdir} are finished")


def _read(asked: options.Asked, name: str, experiment: types.ModuleType) -> list[Trial]:
    path = pathlib.Path(asked.flags.together)
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["trials"]
        pairs = [(_words(of["words"]), _words([of["folder"]])[0]) for of in listed]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise runs.UsageError(
            f"--together={path}: {error}; expected JSON, words and folder of each trial"
        ) from error
    found = []
    for words, folder in pairs:
        config = runs.configure(
            experiment.Config, runs.settings(words, (), ()), experiment=name
        )
        identity, folder = runs.canonical_json(config), pathlib.Path(folder)
        finished, refused = False, ""
        try:
            record = runs.examine(folder, name, identity)
            finished = record.get("status") == "finished"
            finished = finished and not runs.changed(folder, record)
        except (runs.UsageError, files.DamagedError) as error:
            refused = str(error)
        found.append(Trial(config, identity, folder, words, finished, refused))
    return found


def _words(held: Any) -> list[str]:
    if not isinstance(held, list) or not all(isinstance(one, str) for one in held):
        raise TypeError(f"{held!r:.60} is no list of words")
    return held


def _require_alike(
    file: str, experiment: types.ModuleType, trials: Sequence[Trial]
) -> None:
    """Refuse trials that cannot be members of one population.

    Raises:
      UsageError: the experiment trains none, or a field differs that may not.
    """
    members = getattr(experiment, "MEMBERS", ())
    if not trials or not members or not hasattr(experiment, "run_together"):
        raise runs.UsageError(
            f"--together={file}: expected trials of an experiment that declares "
            "MEMBERS and run_together"
        )
    first, *others = [runs.flat(json.loads(trial.identity)) for trial in trials]
    for number, other in enumerate(others, start=1):
        for field in first:
            if field not in members and first[field] != other[field]:
                raise runs.UsageError(
                    f"--together={file}: {field} is {first[field]} in entry 0 and "
                    f"{other[field]} in entry {number}; expected entries that differ "
                    f"in {', '.join(members)} alone"
                )


def _work(
    asked: options.Asked,
    name: str,
    experiment: types.ModuleType,
    trials: Sequence[Trial],
) -> None:
    from lec7 import report, train

    group = pathlib.Path(asked.flags.workdir)
    devices = distributed.select_devices(asked.flags.devices)
    about = runs.environment(devices, asked.experiments) | {"together": len(trials)}
    configs = ",".join(trial.identity for trial in trials)
    seconds: collections.Counter[str] = collections.Counter()
    context = runs.Context(
        group,
        tuple(devices),
        report.Progress(),
        {"experiment": name, "config": f"[{configs}]"},
        lambda phase, spent: seconds.update({phase: spent / len(trials)}),
    )
    with runs.lock(group), runs.cached_compilation():
        found = experiment.run_together([trial.config for trial in trials], context)
        for trial, own, members in zip(trials, found, _members(trials), strict=True):
            if trial.is_wanted:
                told = telling.Run(trial.folder, name, experiment, *trial[:2])
                part = _metrics(group, members)
                _write(asked, told, trial.words, own, part, about, seconds)
        train.keep_networks(group)


def _write(
    asked: options.Asked,
    trial: telling.Run,
    words: Sequence[str],
    found: Any,
    metrics: str,
    about: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> None:
    """Write what a trial has found, as if it had been run alone."""
    command = [f"--experiment={trial.name}", *words, f"--workdir={trial.folder}"]
    about = {
        **about,
        "command": f"{program.command()} {shlex.join(command)}",
        "data": single.own_data(trial.config),
    }
    folder = trial.folder
    with (
        runs.lock(folder),
        runs.attempt(folder, trial.name, trial.identity, environment=about),
    ):
        for phase, spent in seconds.items():
            runs.add_seconds(folder, phase, spent)
        files.write(folder / metric_lines.FILE, metrics.encode())
        identity = {"experiment": trial.name, "config": trial.identity}
        single.keep(folder, trial.experiment.Findings, identity, lambda: found)
        telling.write(asked.experiments, trial)


def _members(trials: Sequence[Trial]) -> Iterator[slice]:
    """Yield where in the population a trial's networks are, one for each seed."""
    begin = 0
    for trial in trials:
        end = begin + len(trial.config.seeds)
        yield slice(begin, end)
        begin = end


def _metrics(group: pathlib.Path, members: slice) -> str:
    """Return the lines of a group's metrics with the values of some members alone."""

    def part(listed: re.Match) -> str:
        return f"[{','.join(listed[1].split(',')[members])}]"

    path = group / metric_lines.FILE
    lines = path.read_text(encoding="utf-8") if path.is_file() else ""
    return _NUMBERS.sub(part, lines)
