"""What an experiment would take: its trainings are costed, and no run is written.

The experiment runs with every training replaced by a few updates, in a folder that is
removed. What it does beside them it does, for `BEFORE` seconds until the first training
and for `AFTER` seconds after one; it is left at its next step, phase or part, as after
a signal.
"""

import pathlib
import sys
import tempfile
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

from lec7 import runs, signals
from lec7.command import cost_tables, options
from lec7.runs import distributed

BEFORE, AFTER = 120.0, 20.0
"""Seconds that an experiment may work without beginning a training."""
_MEANINGLESS = (*distributed.FLAGS, "open", "profile", "workdir", "together")


class OverrunError(Exception):
    """The experiment has begun no training for a while."""

    def __init__(self, limit: float, seconds: float):
        """Take how long it may, and how long it has been without one."""
        super().__init__(f"it works for more than {limit:.0f} s")
        self.seconds = seconds


def run(asked: options.Asked) -> None:
    """Print what every training of an experiment takes.

    Args:
      asked: the command line.

    Raises:
      UsageError: it cannot be done.
    """
    _require_meaning(asked)
    name = options.known(asked)
    runs.simulate_devices(asked.flags.devices)  # before a backend starts
    experiment = runs.load(asked.experiments, name)
    config = runs.configure(experiment.Config, asked.settings, experiment=name)
    devices = runs.select_devices(asked.flags.devices)
    kept = "nothing is kept but prepared data"
    print(f"{name} · dry run · {_on(devices)} · {kept}", flush=True)
    hosts = asked.flags.hosts or 1
    told = _rehearse(experiment, config, devices, hosts)
    minutes = runs.headline(asked.experiments, name).minutes
    print(cost_tables.text(name, told, _network(asked), minutes))


def require_alone(asked: options.Asked) -> None:
    """Check that flags of a dry run are those of one.

    Raises:
      UsageError: one is given without `--dry_run`.
    """
    for name in options.DRY_RUN[1:]:
        if asked.flags[name].present and not asked.flags.dry_run:
            raise runs.UsageError(
                f"--{name} is given without --dry_run; expected both, or none"
            )


def _require_meaning(asked: options.Asked) -> None:
    """Check that every flag means something in a dry run.

    Raises:
      UsageError: one does not.
    """
    for name in _MEANINGLESS:
        if asked.flags[name].present:
            expected = "one of them: a dry run keeps nothing"
            if name in distributed.FLAGS:
                expected = "--hosts=N on one host, which tells what N would do"
            raise runs.UsageError(
                f"--dry_run and --{name} do not go together; expected {expected}"
            )
    for name in ("bandwidth", "latency"):
        if asked.flags[name].present and asked.flags.hosts is None:
            raise runs.UsageError(
                f"--{name} is given without --hosts; expected both, or none"
            )


def _on(devices: Sequence[Any]) -> str:
    many = f"{len(devices)} device{'s' * (len(devices) > 1)}"
    return f"{many} ({devices[0].device_kind})"


def _network(asked: options.Asked) -> cost_tables.Network:
    given = asked.flags.bandwidth
    return cost_tables.Network(
        hosts=asked.flags.hosts or 1,
        gigabits=cost_tables.GIGABITS if given is None else (given,),
        latency=1e-6 * asked.flags.latency,
    )


def _rehearse(
    experiment: types.ModuleType, config: Any, devices: tuple[Any, ...], hosts: int
) -> cost_tables.Told:
    """Return what came of an experiment without its trainings.

    Raises:
      Exception: what the experiment raises before its first training.
    """
    from lec7 import train

    phases: list[str] = []
    with (
        tempfile.TemporaryDirectory() as place,
        train.rehearsed(hosts, begin=_tell) as rehearsal,
    ):
        context = runs.Context(
            pathlib.Path(place), devices, distributed.Quiet(), begin=phases.append
        )
        began, stopped, lost = time.monotonic(), None, 0.0
        try:
            with signals.checking(_watch(rehearsal)):
                experiment.run(config, context)
        except OverrunError as error:
            stopped, lost = str(error), error.seconds
        except Exception as error:
            if not rehearsal.found:
                raise
            stopped = f"{type(error).__name__}, since nothing was trained: {error}"
        beside = time.monotonic() - began - rehearsal.seconds - lost
    phase = phases[-1] if phases else "its run"
    return cost_tables.Told(rehearsal.found, beside, stopped, phase)


def _tell(training: str) -> None:
    print(f"  {training}", file=sys.stderr, flush=True)


def _watch(rehearsal: Any) -> Callable[[], None]:
    """Return what raises OverrunError where an experiment trains nothing for long."""
    since, seen = time.monotonic(), 0

    def look() -> None:
        nonlocal since, seen
        if rehearsal.is_training or len(rehearsal.found) > seen:
            since, seen = time.monotonic(), len(rehearsal.found)
        limit, spent = AFTER if rehearsal.found else BEFORE, time.monotonic() - since
        if spent > limit:
            raise OverrunError(limit, spent)

    return look
