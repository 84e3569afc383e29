"""A run's folder: whose it is, and the lock that lets one process work in it."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import platform
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from lec7.runs import exits, json_file

CONFIG_FILE = "config.json"
RECORD_FILE = "run.json"
LOCK_FILE = ".lock"
SWEEP_FILE = "sweep.json"


def default_folder(experiment: str, config: str) -> pathlib.Path:
    """Return `runs/NAME-HASH` of an experiment and its canonical configuration.

    Example:
      >>> default_folder("batch_size", '{"seeds":[0]}').as_posix()
      'runs/batch_size-b4fc5c9ec5'
    """
    digest = hashlib.sha256(config.encode()).hexdigest()
    return pathlib.Path("runs") / f"{experiment}-{digest[:10]}"


def examine(folder: pathlib.Path, experiment: str, config: str) -> dict[str, Any]:
    """Return the record of the run in a folder, empty when none began; write nothing.

    Args:
      folder: need not exist.
      experiment: name of the experiment that is to run in it.
      config: its canonical JSON.

    Raises:
      UsageError: the path is not a folder, or the folder holds anything but a run of
        this experiment with this configuration.
    """
    require_place(folder)
    try:
        held = json_file.read(folder / CONFIG_FILE)
        record = json_file.read(folder / RECORD_FILE)
        if held is None or record is None:
            require_empty(folder)
            return {}
        held_by = record["experiment"]
        difference = _difference(held_by, held, experiment, json.loads(config))
    except (
        *(ValueError, KeyError, TypeError, AttributeError),
        *(IsADirectoryError, NotADirectoryError),
    ) as error:
        raise exits.UsageError(
            f"--workdir={folder}: {CONFIG_FILE} or {RECORD_FILE} in it is damaged; "
            "expected those of a run: use another folder, or remove this one"
        ) from error
    if difference:
        raise exits.UsageError(
            f"--workdir={folder}: the folder holds another run ({difference}); "
            "expected an empty folder, or one of the same configuration"
        )
    return record


def read_run(folder: pathlib.Path, flag: str) -> tuple[str, dict[str, Any]]:
    """Return the experiment and the configuration of a run.

    Args:
      folder: the run's.
      flag: by which the user has named it, for the message.

    Raises:
      UsageError: the folder holds no run.
    """
    if not folder.is_dir():
        raise exits.UsageError(
            f"--{flag}={folder}: no such folder; expected the folder of a run"
        )
    require_no_sweep(folder, flag)
    try:
        values = json_file.read(folder / CONFIG_FILE)
        record = json_file.read(folder / RECORD_FILE)
    except (ValueError, OSError) as error:
        raise exits.UsageError(f"--{flag}={folder}: {error}; expected a run") from error
    if values is None or record is None:
        raise exits.UsageError(
            f"--{flag}={folder}: no {CONFIG_FILE} or {RECORD_FILE} in it; expected the "
            "folder of a run"
        )
    return record["experiment"], values


def require_no_sweep(folder: pathlib.Path, flag: str) -> None:
    """Check that a folder is not a sweep's own, whose trials are runs.

    Raises:
      UsageError: it is.
    """
    if not (folder / SWEEP_FILE).is_file():
        return
    trials = folder / "trials"
    trial = min(trials.glob("[0-9]*"), default=trials / "00000")
    raise exits.UsageError(
        f"--{flag}={folder}: it holds a sweep; expected one of its runs, such as "
        f"--{flag}={trial}"
    )


def withdraw(folder: pathlib.Path) -> None:
    """Undo the beginning of a run that has written nothing of its own yet."""
    beginning = {CONFIG_FILE, RECORD_FILE, LOCK_FILE}
    if {path.name for path in folder.iterdir()} <= beginning:
        (folder / CONFIG_FILE).unlink()
        (folder / RECORD_FILE).unlink()


@contextlib.contextmanager
def lock(folder: pathlib.Path) -> Generator[None, None, None]:
    """Make the folder, and keep other processes out of it.

    The operating system gives the lock up when the process ends, however it ends. A
    folder in which nothing has been written is removed again.

    Raises:
      FolderInUseError: another process holds the lock.
      PermissionError: the folder cannot be made.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, PermissionError) as error:  # the first is /proc's
        needs = "no folder can be made there; give a --workdir where you may write"
        raise PermissionError(errno.EACCES, needs, str(folder)) from error
    with (folder / LOCK_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise exits.FolderInUseError(
                f"{folder} is in use by {file.read() or 'another process'}; expected a "
                "folder that is free: wait for it to end, or use another --workdir"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        try:
            yield
        finally:
            _remove_if_empty(folder, made)


def _remove_if_empty(folder: pathlib.Path, made: Sequence[pathlib.Path]) -> None:
    with contextlib.suppress(OSError):  # somebody else has come or tidied up meanwhile
        if [path.name for path in folder.iterdir()] == [LOCK_FILE]:
            (folder / LOCK_FILE).unlink()
            for path in made:
                path.rmdir()


def require_place(folder: pathlib.Path) -> None:
    """Refuse a path that is not a folder and where none can be made.

    Raises:
      UsageError: it is such a path.
    """
    above = (folder, *folder.absolute().parents)
    try:
        existing = next(path for path in above if os.path.lexists(path))
        kind = "a file" if existing.exists() else "a link to nothing"
    except OSError as error:
        raise exits.UsageError(f"--workdir={folder}: {error.strerror}") from error
    if not existing.is_dir():
        raise exits.UsageError(
            f"--workdir={folder}: {existing} is {kind}; expected a folder, or a path "
            "where one can be made"
        )


def require_empty(
    folder: pathlib.Path, ours: Sequence[str] = (CONFIG_FILE, RECORD_FILE)
) -> None:
    """Refuse a folder that holds other files than hidden ones and ours.

    Raises:
      UsageError: it does.
    """
    what = "run" if ours else "sweep"
    for path in folder.iterdir() if folder.exists() else ():
        if not path.name.startswith(".") and path.name not in ours:
            raise exits.UsageError(
                f"--workdir={folder}: the folder holds {path.name} and no {what}; "
                "expected an empty folder, or one of the same configuration"
            )


def _difference(held_by: str, held: Any, experiment: str, config: Any) -> str:
    if held_by != experiment:
        return f"of {held_by}, not of {experiment}"
    held, config = flat(held), flat(config)
    return ", ".join(
        f"with {name}={held.get(name)}, not {config.get(name)}"
        for name in sorted(held.keys() | config.keys())
        if held.get(name) != config.get(name)
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested configuration as dotted field name -> value."""
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
