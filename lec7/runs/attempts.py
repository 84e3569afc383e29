"""`run.json`: the status of a run, and a record of every attempt at it.

A run is `running`, `finished`, `interrupted` (by a signal, or by the loss of another
host) or `failed`. An attempt says when it began and ended, with which exit code and
error, on what it ran, and how many seconds each phase took. After a SIGKILL the status
is still `running` and the attempt has no end; that nobody is at work shows in the lock.
"""

import collections
import contextlib
import datetime
import functools
import hashlib
import json
import pathlib
import threading
import traceback
from collections.abc import Generator, Mapping
from typing import Any

from lec7 import files, hosts
from lec7.runs import exits, findings, folder, json_file, provenance

OUTPUTS = ("claims.json", "report.html")
_FILES = "files"  # of the record: what `seal` has seen
_LOOSE = ("events/", "profile/", "tables/")  # what nothing depends on
_RECORDS = (folder.CONFIG_FILE, folder.RECORD_FILE)
_writing = threading.Lock()  # the watch over other hosts may end an attempt too


@contextlib.contextmanager
def attempt(
    path: pathlib.Path,
    experiment: str,
    config: str,
    *,
    environment: Mapping[str, Any],
) -> Generator[int, None, None]:
    """Record one attempt at a run, from its begin to its end, however it ends.

    A first attempt that turns out to be wrong use leaves nothing behind.

    Args:
      path: the run's folder, which this process has locked.
      experiment: its name.
      config: canonical JSON of the configuration, written to `config.json`.
      environment: what the attempt runs on, copied into its record.

    Yields:
      The number of the attempt, 1 for the first.

    Raises:
      UsageError: see `folder.examine`.
      OSError: the folder may not be written.
    """
    held = folder.examine(path, experiment, config)
    earlier = held.get("attempts", [])
    attempts = [
        *earlier,
        {"start": _now(), "end": None, "exit": None, "error": None}
        | dict(environment)
        | {"seconds": {}},
    ]
    record = {"experiment": experiment, "status": "running", "attempts": attempts}
    if _FILES in held and (path / findings.FILE).exists():
        record[_FILES] = held[_FILES]
    json_file.write(path / folder.CONFIG_FILE, json.loads(config))
    json_file.write(path / folder.RECORD_FILE, record)
    hosts.at_end(functools.partial(_note, path))
    try:
        yield len(attempts)
    except BaseException as error:
        code = exits.exit_code(error)
        with contextlib.suppress(OSError):
            _end(path, code, _told(code, error))
            if code == exits.USAGE and not earlier:
                folder.withdraw(path)
        raise
    _end(path, 0, None)


def add_seconds(path: pathlib.Path, phase: str, seconds: float) -> None:
    """Add to what a phase has taken in the present attempt."""
    with _changed(path) as record:
        spent = record["attempts"][-1]["seconds"]
        spent[phase] = round(spent.get(phase, 0.0) + seconds, 3)


def seconds(path: pathlib.Path) -> dict[str, float]:
    """Return what each phase has taken in all attempts together."""
    total = collections.Counter()
    for row in json_file.read(path / folder.RECORD_FILE)["attempts"]:
        total.update(row["seconds"])
    return dict(total)


def last_attempt(path: pathlib.Path) -> dict[str, Any]:
    """Return the record of the newest attempt."""
    return json_file.read(path / folder.RECORD_FILE)["attempts"][-1]


def seal(path: pathlib.Path, *, told: bool) -> None:
    """Record the SHA-256 of what a run has found and told, or of all that it trained.

    Neither has what may change: the records of the run, events, and what was set aside.
    """
    sums = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and _is_told(name) == told and not _may_change(name):
            sums[name] = _sum(file)
    with _changed(path) as record:
        held = record.get(_FILES, {}).items()
        record[_FILES] = {k: v for k, v in held if _is_told(k) != told} | sums


def changed(path: pathlib.Path, record: Mapping[str, Any]) -> list[str]:
    """Return which files of a finished run are not as it left them and can be again.

    Args:
      path: the run's folder.
      record: of the run; one without sums is of an older version.

    Raises:
      DamagedError: the run has measured all, and a file of its trainings has changed.
    """
    finished = record.get("status") == "finished"
    if not (path / findings.FILE).exists():
        return [findings.FILE] if finished else []
    sums = record.get(_FILES, {})
    differing = [name for name, known in sums.items() if _sum(path / name) != known]
    lost = [name for name in differing if not _is_told(name)]
    if lost:
        raise files.DamagedError(
            f"{path / lost[0]} is not what the run wrote ({len(lost)} such in all): "
            f"restore it from a copy, or remove {findings.FILE}, and the same command "
            "trains again what is lost; --render and --verify need it not"
        )
    if not finished:
        return []
    return sorted({*differing, *(name for name in OUTPUTS if name not in sums)})


def changes(record: Mapping[str, Any], environment: Mapping[str, Any]) -> list[str]:
    """Return in what the newest attempt ran otherwise, such as "jax 0.9 -> 0.10"."""
    if not record.get("attempts"):
        return []
    then, now = map(provenance.summary, (record["attempts"][-1], environment))
    return [
        f"{name} {then.get(name)} -> {value}"
        for name, value in now.items()
        if then.get(name) != value
    ]


def earlier(path: pathlib.Path) -> dict[str, str]:
    """Return in what earlier attempts ran otherwise than the newest, to read."""
    *before, last = json_file.read(path / folder.RECORD_FILE)["attempts"]
    now, rows = provenance.summary(last), {}
    for number, row in enumerate(before, 1):
        then = provenance.summary(row)
        differing = [f"{k} {then[k]}" for k in then if then[k] != now.get(k)]
        if differing:
            rows[f"attempt {number} ran on"] = ", ".join(differing)
    return rows


def _is_told(name: str) -> bool:
    return name in (*OUTPUTS, findings.FILE) or name.startswith("figures/")


def _may_change(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return name in _RECORDS or hidden or name.startswith(_LOOSE) or ".damaged" in name


def _sum(file: pathlib.Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""


@contextlib.contextmanager
def _changed(path: pathlib.Path) -> Generator[dict[str, Any], None, None]:
    """Give the record of a run, and write what has been made of it.

    Yields:
      The record.
    """
    with _writing:
        record = json_file.read(path / folder.RECORD_FILE)
        yield record
        json_file.write(path / folder.RECORD_FILE, record)


def _end(path: pathlib.Path, code: int, told: str | None) -> None:
    interrupted = code in (exits.INTERRUPTED, exits.TERMINATED, hosts.LOST)
    with _changed(path) as record:
        if record["status"] == "finished":
            return
        record["status"] = (
            "finished" if code == 0 else "interrupted" if interrupted else "failed"
        )
        record["attempts"][-1] |= {"end": _now(), "exit": code, "error": told}


def _note(path: pathlib.Path, code: int, told: str) -> None:
    """Record an end that the main thread does not come to, if the folder is there."""
    with contextlib.suppress(OSError, TypeError):
        _end(path, code, told)


def _told(code: int, error: BaseException) -> str:
    """Return what the record says of an error."""
    if code == exits.BUG:
        return "".join(traceback.format_exception(error))
    return str(error) or type(error).__name__


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
