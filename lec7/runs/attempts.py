"""`run.json`: the status of a run, and a record of every attempt at it.

A run is `running`, `finished`, `interrupted` (by a signal) or `failed`. An attempt says
when it began and ended, with which exit code and error, on what it ran, and how many
seconds each phase took. After a SIGKILL the status is still `running` and the attempt
has no end; that nobody is at work shows in the lock.
"""

import collections
import contextlib
import datetime
import json
import pathlib
import traceback
from collections.abc import Generator, Mapping
from typing import Any

from lec7.runs import exits, folder, json_file


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
    earlier = folder.examine(path, experiment, config).get("attempts", [])
    attempts = [
        *earlier,
        {"start": _now(), "end": None, "exit": None, "error": None}
        | dict(environment)
        | {"seconds": {}},
    ]
    record = {"experiment": experiment, "status": "running", "attempts": attempts}
    json_file.write(path / folder.CONFIG_FILE, json.loads(config))
    json_file.write(path / folder.RECORD_FILE, record)
    try:
        yield len(attempts)
    except BaseException as error:
        code = exits.exit_code(error)
        with contextlib.suppress(OSError):
            _end(path, code, error)
            if code == exits.USAGE and not earlier:
                folder.withdraw(path)
        raise
    _end(path, 0, None)


def add_seconds(path: pathlib.Path, phase: str, seconds: float) -> None:
    """Add to what a phase has taken in the present attempt."""
    record = json_file.read(path / folder.RECORD_FILE)
    spent = record["attempts"][-1]["seconds"]
    spent[phase] = round(spent.get(phase, 0.0) + seconds, 3)
    json_file.write(path / folder.RECORD_FILE, record)


def seconds(path: pathlib.Path) -> dict[str, float]:
    """Return what each phase has taken in all attempts together."""
    total = collections.Counter()
    for row in json_file.read(path / folder.RECORD_FILE)["attempts"]:
        total.update(row["seconds"])
    return dict(total)


def last_attempt(path: pathlib.Path) -> dict[str, Any]:
    """Return the record of the newest attempt."""
    return json_file.read(path / folder.RECORD_FILE)["attempts"][-1]


def _end(path: pathlib.Path, code: int, error: BaseException | None) -> None:
    record = json_file.read(path / folder.RECORD_FILE)
    interrupted = code in (exits.INTERRUPTED, exits.TERMINATED)
    record["status"] = (
        "finished" if code == 0 else "interrupted" if interrupted else "failed"
    )
    last = record["attempts"][-1]
    last["end"] = _now()
    last["exit"] = code
    if code == exits.BUG:
        last["error"] = "".join(traceback.format_exception(error))
    elif error is not None:
        last["error"] = str(error) or type(error).__name__
    json_file.write(path / folder.RECORD_FILE, record)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
