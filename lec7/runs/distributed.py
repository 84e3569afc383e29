"""Runs on many hosts: the flags, joining, and what the other hosts do of a run.

    --distributed                 on all hosts that the cluster has started
    --coordinator=HOST:PORT       or on those that meet at this address of the first
    --num_processes=N             so many
    --process_id=I                of which this is number I, from 0
    --lost_after=SECONDS          without a sign of life, after which a host is lost

What is not given is read from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
JAX_PROCESS_ID, or else JAX asks SLURM, Kubernetes, Open MPI or Cloud TPU. The command
is the same on every host but for the number of the process. The first host alone has
the run's folder, of which the others need to see nothing.
"""

import contextlib
import math
import os
import pathlib
import re
import tempfile
import types
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from absl import flags

from lec7 import hosts, signals
from lec7.runs import context as contexts
from lec7.runs import devices, exits

MEETING = ("coordinator", "num_processes", "process_id")
FLAGS = ("distributed", *MEETING, "lost_after")
_VARIABLES = {
    "coordinator": "JAX_COORDINATOR_ADDRESS",
    "num_processes": "JAX_NUM_PROCESSES",
    "process_id": "JAX_PROCESS_ID",
}
LEAST = 5.0
"""Seconds that `--lost_after` must leave: a busy machine may be silent for a few."""


class Meeting(NamedTuple):
    """Where the hosts of a run meet; None is what JAX finds out."""

    coordinator: str | None
    processes: int | None
    index: int | None
    lost_after: float


def define_flags(options: flags.FlagValues) -> None:
    """Add the flags of a run on many hosts."""
    defined = {"flag_values": options}
    flags.DEFINE_bool("distributed", False, "run on many hosts", **defined)
    flags.DEFINE_string("coordinator", None, "where they meet", **defined)
    flags.DEFINE_integer("num_processes", None, "how many", 1, **defined)
    flags.DEFINE_integer("process_id", None, "which this is", 0, **defined)
    flags.DEFINE_float("lost_after", 60.0, "seconds", LEAST, **defined)


def meeting(
    options: flags.FlagValues, environment: Mapping[str, str] = os.environ
) -> Meeting | None:
    """Return where the hosts meet, None without `--distributed`.

    Raises:
      UsageError: a flag or a variable is wrong, or goes with `--distributed` alone.
    """
    if not options.distributed:
        for name in FLAGS[1:]:
            if options[name].present:
                raise exits.UsageError(
                    f"--{name} is given without --distributed; expected both, or none"
                )
        return None
    given = {name: _given(options, name, environment) for name in MEETING}
    address, processes, index = given.values()
    if address is not None and not re.fullmatch(r"\S+:\d{1,5}", address):
        raise exits.UsageError(
            f"--coordinator={address}: expected HOST:PORT, such as 10.0.0.1:1234"
        )
    if processes is not None and index is not None and index >= processes:
        raise exits.UsageError(
            f"--process_id={index}: expected 0 to {processes - 1}, since there are "
            f"{processes} processes"
        )
    if address is not None and None in (processes, index):
        missing = "num_processes" if processes is None else "process_id"
        raise exits.UsageError(
            f"--{missing} is missing; expected it beside --coordinator={address}, or "
            f"{_VARIABLES[missing]} in the environment"
        )
    if not math.isfinite(options.lost_after):
        raise exits.UsageError(
            f"--lost_after={options.lost_after}: expected seconds, {LEAST:.0f} or more"
        )
    return Meeting(address, processes, index, options.lost_after)


def _given(options: flags.FlagValues, name: str, environment: Mapping[str, str]) -> Any:
    """Return the value of a flag, or else of its variable, None where there is none.

    Raises:
      UsageError: the variable has no number.
    """
    variable = _VARIABLES[name]
    if options[name].value is not None or variable not in environment:
        return options[name].value
    text = environment[variable]
    if name == "coordinator":
        return text
    if not text.isdigit():
        raise exits.UsageError(f"{variable}={text}: expected a number from 0")
    return int(text)


@contextlib.contextmanager
def joined(place: Meeting | None) -> Generator[None, None, None]:
    """Join the other hosts, and leave in order, or end them all at an error.

    Args:
      place: where they meet; None for this host alone, and nothing happens.

    Raises:
      UsageError: the hosts cannot come together; where one does not come, the process
        ends with `hosts.LOST`.
    """
    if place is None:
        yield
        return
    try:
        together = hosts.joined(
            coordinator=place.coordinator,
            processes=place.processes,
            index=place.index,
            lost_after=place.lost_after,
            exit_code=exits.exit_code,
        )
        together.__enter__()
    except (TimeoutError, ValueError) as error:
        raise exits.UsageError(f"--distributed: {error}") from error
    with contextlib.ExitStack() as stack:
        stack.push(together)
        yield


def select_devices(count: int | None) -> tuple[Any, ...]:
    """Return the devices to compute on, of all hosts, those of this one first.

    Args:
      count: how many of each host; as `devices.select_devices` takes it.

    Raises:
      UsageError: a host has fewer.
    """
    own = devices.select_devices(count)
    try:
        return hosts.devices(len(own)) if hosts.count() > 1 else own
    except ValueError as error:
        raise exits.UsageError(f"--devices={count}: {error}") from error


class Quiet:
    """The console of a host that shows nothing: the first one shows the run."""

    def say(self, line: str) -> None:
        """Leave a line to the first host."""

    def task(
        self, name: str, total: int, *, start: int = 0, unit: str = "step"
    ) -> contextlib.AbstractContextManager["Quiet"]:
        """Return what takes the steps of some work."""
        del name, total, start, unit
        return contextlib.nullcontext(self)

    def update(self, step: int, /, **metrics: float) -> None:
        """Take no notice of a step, but leave if a signal has arrived."""
        del step, metrics
        signals.check()


def measures(needed: bool = True) -> bool:
    """Return whether the run is still to be measured, as the first host knows."""
    return hosts.from_first(lambda: needed)


def follow(
    experiment: types.ModuleType,
    config: Any,
    devices: tuple[Any, ...],
    identity: Mapping[str, str],
) -> None:
    """Do what the first host needs for a run: train and measure, and write nothing.

    What experiments write beside their trainings goes to a folder that is removed.
    """
    if not measures():
        return
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        context = contexts.Context(place, devices, Quiet(), identity)
        experiment.run(config, context)
