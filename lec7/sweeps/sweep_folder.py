"""A sweep's folder: whose it is, and what is known of each of its trials.

sweep.json            what the sweep is, canonical JSON
trials/00012/         an ordinary run
failures/00012.json   how the last attempt at a trial has failed
groups/0003.json      trials that are trained together, and 0003/, what they share
"""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from lec7 import files
from lec7.runs import exits, folder, json_file
from lec7.sweeps.planning import FORMAT, Sweep
from lec7.sweeps.processes import Ended
from lec7.sweeps.trials import FAILED, FINISHED, UNFINISHED, Row, Trial

FILE = folder.SWEEP_FILE
DIVERGED = 5
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
    try:
        held = json_file.read(root / FILE)
    except (ValueError, OSError) as error:
        raise exits.UsageError(f"--workdir={root}: {FILE}: {error}") from error
    if held is None:
        folder.require_empty(root, ours=())
        return sweep
    wanted = json.loads(sweep.json)
    is_ours = isinstance(held, dict) and held.get("format") == FORMAT
    if not is_ours or not isinstance(held.get("trials"), list) or not held["trials"]:
        raise exits.UsageError(
            f"--workdir={root}: {FILE} is not of format {FORMAT}; expected an empty "
            "folder, or one of the same sweep"
        )
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
        raise exits.UsageError(
            f"--trials={count}: {root} holds {stretches[-1]} trials; expected as many, "
            "or more to extend them"
        )
    more = [] if count == stretches[-1] else [count]
    return dataclasses.replace(sweep, trials=[*stretches, *more])


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
    if is_finished(place):
        return Row(trial, FINISHED, "", values(place))
    failure = failure_of(root, trial)
    if failure is None:
        return Row(trial, UNFINISHED, "", {})
    return Row(trial, FAILED, failure.said, {})


def is_finished(place: pathlib.Path) -> bool:
    """Return whether the run in a folder has measured and told all."""
    return _record(place).get("status") == "finished" and all(
        (place / name).exists() for name in ("claims.json", "findings.npz")
    )


def has_diverged(root: pathlib.Path, trial: Trial) -> bool:
    """Return whether the last attempt at a trial has; another one would too."""
    failure = failure_of(root, trial)
    return failure is not None and failure.code == DIVERGED


def failure_of(root: pathlib.Path, trial: Trial) -> Ended | None:
    """Return how the last attempt at a trial has failed, if it has."""
    with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
        held = json_file.read(_failure_file(root, trial))
        return held and Ended(int(held["code"]), str(held["said"]))
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
    if is_finished(place):
        with contextlib.suppress(OSError):
            file.unlink()
        return Row(trial, FINISHED, "", values(place))
    last = (_record(place).get("attempts") or [{}])[-1]
    own = last.get("exit")
    if ended.code == 0 or own == DIVERGED:
        said = str(last.get("error") or f"no result is in {place}")
        ended = Ended(own or exits.BUG, said)
    # On a full disk the trial counts as not tried, which is what is wanted then.
    with contextlib.suppress(OSError):
        json_file.write(file, {"code": ended.code, "said": ended.said})
    return Row(trial, FAILED, ended.said, {})


def _failure_file(root: pathlib.Path, trial: Trial) -> pathlib.Path:
    return root / "failures" / f"{trial.folder.name}.json"


def _record(place: pathlib.Path) -> dict[str, Any]:
    with contextlib.suppress(ValueError, OSError):
        held = json_file.read(place / folder.RECORD_FILE)
        return held if isinstance(held, dict) else {}
    return {}


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
