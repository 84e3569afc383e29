"""Many runs, one after another, each a process and a folder of its own."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lec7 import program, signals
from lec7.runs import catalogue, exits, schema

_LOOK = 0.2  # seconds between two looks at a process


class Job(NamedTuple):
    """A run to be made: of an experiment in its default configuration."""

    experiment: str
    dataset: str | None  # in the place of its own
    folder: pathlib.PurePosixPath  # within that of the series

    @property
    def words(self) -> list[str]:
        """What the program is to be told, its folder aside."""
        chosen = [] if self.dataset is None else [f"--config.dataset={self.dataset}"]
        return [f"--experiment={self.experiment}", *chosen]


def plan(folder: pathlib.Path, datasets: Sequence[str] | None = None) -> list[Job]:
    """Return the runs of all experiments but those that need a GPU.

    Args:
      folder: the experiments'.
      datasets: on each of which to run those that have a field `dataset`; None runs
        every experiment once, as it is.

    Returns:
      The runs, those of one experiment beside each other.

    Raises:
      UsageError: there is no data set, or two have names that make one folder.
    """
    names = [
        name
        for name in catalogue.names(folder)
        if not catalogue.headline(folder, name).gpu
    ]
    if datasets is None:
        return [Job(name, None, pathlib.PurePosixPath(name)) for name in names]
    places = {name: re.sub(r"[^A-Za-z0-9-]+", "_", name) for name in datasets}
    if not datasets or "" in places or len({*places.values()}) < len(datasets):
        raise exits.UsageError(
            f"--datasets={','.join(datasets)}: expected names of data sets that differ "
            "by letters or digits, with commas between them"
        )
    return [
        Job(name, dataset, pathlib.PurePosixPath(place, name))
        for name in names
        if _has_data(folder, name)
        for dataset, place in places.items()
    ]


def _has_data(folder: pathlib.Path, name: str) -> bool:
    config = catalogue.config_class(folder, name)
    return any(field.name == "dataset" for field in schema.fields(config))


def run_process(
    words: Sequence[str],
    *,
    show: Callable[[str], None],
    silent: bool = False,
    environment: Mapping[str, str] = os.environ,
    check: Callable[[], None] = signals.check,
) -> tuple[int, str]:
    """Run Python with `words`; what ends us, even a SIGKILL, ends this program too.

    Args:
      words: of its command line.
      show: called with each line of its standard error.
      silent: whether nobody is to see its standard output, and a Ctrl-C at the
        terminal is for us alone, who then tell it to end.
      environment: its environment.
      check: called many times a second; what it raises ends the process.

    Returns:
      The exit code, and the last of these lines.

    Raises:
      Signalled: it, or this process, was told to end.
    """
    said = [""]
    with subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if silent else None,
        stderr=subprocess.PIPE,
        process_group=0 if silent else None,
        env={**environment, signals.LEASH: "stdin"},
        text=True,
        errors="replace",
    ) as child:

        def relay():
            for line in child.stderr:
                said[0] = line.strip() or said[0]
                show(line)

        reader = threading.Thread(target=relay)
        reader.start()
        try:
            code = _wait(child, check)
        finally:
            child.terminate()
            reader.join()
    if code in (exits.INTERRUPTED, exits.TERMINATED):
        raise signals.Signalled(code - 128)
    return code, said[0].removeprefix(f"{program.name()}: ")


def _wait(child: subprocess.Popen, check: Callable[[], None]) -> int:
    while True:
        check()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(_LOOK)
