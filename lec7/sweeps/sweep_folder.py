"""A sweep's folder: whose it is, and what is known of each of its trials.

sweep.json            what the sweep is, canonical JSON
trials/00012/         an ordinary run
failures/00012.json   how the last attempt at a trial has failed
groups/0003.json      trials that are trained together, and 0003/, what they share
"""

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from lec7 import files
from lec7.runs import attempts, exits, findings, folder, json_file
from lec7.sweeps import spec
from lec7.sweeps.planning import FORMAT, Sweep
from lec7.sweeps.processes import Ended
from lec7.sweeps.trials import FAILED, FINISHED, UNFINISHED, Row, Trial

FILE = folder.SWEEP_FILE
DIVERGED = 5
_DO = f"restore {FILE} from a copy, or give another --workdir"
_SMALL = 2**20  # bytes of a file that is read each time that a sweep is resumed
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError)
Values = Callable[[pathlib.Path], Mapping[str, float]]
"""Folder of a finished run -> what it has measured."""


def examine(root: pathlib.Path, sweep: Sweep) -> Sweep:
    """Return the sweep in a folder, extended to as many trials; write nothing.

    Args:
      root: need not exist.
      sweep: that is to run in it.

    Raises:
      UsageError: the path is not a folder, or the folder holds anything but this sweep.
    """
    folder.require_place(root)
    _require_outside(root)
    try:
        held = json_file.read(root / FILE)
    except (ValueError, OSError) as error:
        raise exits.UsageError(f"--workdir={root}: {FILE}: {error}; {_DO}") from error
    if held is None and (root / "trials").exists():
        raise exits.UsageError(
            f"--workdir={root}: it holds trials, and {FILE} is missing or null; {_DO}"
        )
    if held is None:
        folder.require_empty(root, ours=())
        return sweep
    wanted = json.loads(sweep.json)
    is_ours = isinstance(held, dict) and held.get("format") == FORMAT
    if not is_ours:
        raise exits.UsageError(
            f"--workdir={root}: {FILE} is not of format {FORMAT}; {_DO}"
        )
    _require_stretches(root, held.get("trials"))
    differing = [
        f"{name} is {_short(held.get(name))}, not {_short(wanted[name])}"
        for name in wanted
        if name != "trials" and held.get(name) != wanted[name]
    ]
    if differing:
        raise exits.UsageError(
            f"--workdir={root}: the folder holds another sweep ({'; '.join(differing)})"
            "; expected an empty folder, or one of the same sweep"
        )
    stretches, (count,) = held["trials"], wanted["trials"]
    if count < stretches[-1]:
        if sweep.seed is None:
            raise exits.UsageError(
                f"--workdir={root}: {FILE} tells of {stretches[-1]} trials, and "
                f"--sweep has {count}; {_DO}"
            )
        raise exits.UsageError(
            f"--trials={count}: {root} holds {stretches[-1]} trials; expected as many, "
            "or more to extend them"
        )
    more = [] if count == stretches[-1] else [count]
    return dataclasses.replace(sweep, trials=[*stretches, *more])


def _require_outside(root: pathlib.Path) -> None:
    """Refuse a folder within that of a run or of another sweep.

    Raises:
      UsageError: it is there.
    """
    for above in root.absolute().parents:
        for name in (folder.RECORD_FILE, FILE):
            if os.path.lexists(above / name):
                raise exits.UsageError(
                    f"--workdir={root}: {above} holds {name}, so it is the folder of "
                    "another run or sweep; expected a folder outside of it"
                )


def _require_stretches(root: pathlib.Path, held: Any) -> None:
    """Refuse numbers of trials that no sweep has written.

    Raises:
      UsageError: they are so.
    """
    is_whole = isinstance(held, list) and all(type(end) is int for end in held)
    ends = [0, *held, spec.MOST + 1] if is_whole and held else [0, 0]
    if all(a < b for a, b in itertools.pairwise(ends)):
        return
    raise exits.UsageError(
        f"--workdir={root}: trials is {_short(held)} in {FILE}; expected whole numbers "
        f"that rise, from 1 to {spec.MOST:,}: {_DO}"
    )


def begin(root: pathlib.Path, sweep: Sweep) -> None:
    """Write what a sweep is into its folder, which is locked."""
    if not (root / FILE).exists() or (root / FILE).read_text("utf-8") != sweep.json:
        files.write(root / FILE, sweep.json.encode())


def row(root: pathlib.Path, trial: Trial, values: Values) -> Row:
    """Return what has become of a trial, from what is in the folder.

    Args:
      root: the sweep's folder.
      trial: one of its.
      values: see `Values`.
    """
    place = root / trial.folder
    if is_finished(root, trial):
        return Row(trial, FINISHED, "", values(place))
    failure = failure_of(root, trial)
    if failure is None:
        return Row(trial, UNFINISHED, "", {})
    return Row(trial, FAILED, failure.said, {})


def is_finished(root: pathlib.Path, trial: Trial) -> bool:
    """Return whether a trial's folder is that of its run, told and as it was left."""
    place = root / trial.folder
    try:
        record = _examined(place, trial)
        return record.get("status") == "finished" and not _is_changed(place, record)
    except (*_MALFORMED, exits.UsageError):
        return False  # the run says what is wrong


def has_diverged(root: pathlib.Path, trial: Trial) -> bool:
    """Return whether the last attempt at a trial has; another one would too."""
    failure = failure_of(root, trial)
    return failure is not None and failure.code == DIVERGED


def failure_of(root: pathlib.Path, trial: Trial) -> Ended | None:
    """Return how the last attempt at a trial has failed, if it has."""
    with contextlib.suppress(*_MALFORMED):
        held = json_file.read(_failure_file(root, trial))
        if held["code"] in range(-255, 256):
            return Ended(int(held["code"]), str(held["said"]))
    return None


def settle(root: pathlib.Path, trial: Trial, ended: Ended, values: Values) -> Row:
    """Return what has become of a trial whose process has ended, and keep that.

    Args:
      root: the sweep's folder.
      trial: one of its.
      ended: how; of a process of many trials the folder of each says it of that one.
      values: see `Values`.
    """
    place, file = root / trial.folder, _failure_file(root, trial)
    if is_finished(root, trial):
        with contextlib.suppress(OSError):
            file.unlink()
        return Row(trial, FINISHED, "", values(place))
    ended = _own_end(place, trial, ended)
    # On a full disk the trial counts as not tried, which is what is wanted then.
    with contextlib.suppress(OSError):
        json_file.write(file, {"code": ended.code, "said": ended.said})
    return Row(trial, FAILED, ended.said, {})


def _failure_file(root: pathlib.Path, trial: Trial) -> pathlib.Path:
    return root / "failures" / f"{trial.folder.name}.json"


def _own_end(place: pathlib.Path, trial: Trial, ended: Ended) -> Ended:
    """Return how a trial has ended that is not finished, and maybe one of many."""
    try:
        last = (_examined(place, trial).get("attempts") or [{}])[-1]
        own = last.get("exit") if last.get("exit") in range(256) else None
    except exits.UsageError as error:
        return Ended(exits.USAGE, str(error))
    except _MALFORMED:
        return ended
    if ended.code == 0 or own == DIVERGED:
        said = str(last.get("error") or f"no result is in {place}")
        return Ended(own or exits.BUG, said)
    return ended


def _examined(place: pathlib.Path, trial: Trial) -> dict[str, Any]:
    """Return the record of a trial's run.

    Raises:
      UsageError: the folder holds anything else.
    """
    if trial.run is None:
        return json_file.read(place / folder.RECORD_FILE) or {}
    return folder.examine(place, *trial.run)


def _is_changed(place: pathlib.Path, record: Mapping[str, Any]) -> bool:
    """Return whether a file that was told, or a small one, is not as it was left."""
    needed = (*attempts.OUTPUTS, findings.FILE)
    sums = {
        name: known
        for name, known in record.get("files", {}).items()
        if name in needed or _size(place / name) <= _SMALL
    }
    return bool(attempts.changed(place, {**record, "files": sums}))


def _size(file: pathlib.Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
