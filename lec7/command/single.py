"""One run of one experiment, begun or resumed."""

import functools
import pathlib
import shlex
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lec7 import hosts, program, runs
from lec7.command import dry_run, options, profiling, telling
from lec7.runs import distributed

_READ = ("dataset", "source", "target", "checkpoint")  # fields that may be paths
_FEWEST = 3  # seeds that a claim is tested with, as `report.vocabulary` has it


class Plan(NamedTuple):
    """What is to run, and where."""

    name: str
    config: Any
    identity: str
    """Canonical JSON of the configuration."""
    folder: pathlib.Path
    record: Mapping[str, Any]
    """Of the run in the folder, empty where there is none."""


def run(asked: options.Asked) -> None:
    """Run an experiment, and write its report.

    Args:
      asked: the command line.

    Raises:
      UsageError: it cannot be done.
      FolderInUseError: another process is at work in the run's folder.
    """
    dry_run.require_alone(asked)
    if asked.flags.dry_run:
        dry_run.run(asked)
        return
    if asked.flags.together is not None:
        from lec7.command import together

        together.run(asked)
        return
    name = options.known(asked)
    place = distributed.meeting(asked.flags)
    if place is not None:
        _run_on_hosts(name, asked, place)
        return
    # Read from the source; what follows takes seconds to import.
    plan = _planned(name, asked)
    is_finished = plan.record.get("status") == "finished"
    if is_finished and asked.flags.profile:
        raise runs.UsageError(
            f"--profile: {plan.folder} is finished; expected a run that has still to "
            "measure: give another --workdir"
        )
    if not _is_done(plan):
        if not is_finished:
            print(_first_line(plan, asked), flush=True)
        _work(name, asked)
    telling.conclude(plan.folder, asked)


def _run_on_hosts(name: str, asked: options.Asked, place: distributed.Meeting) -> None:
    """Run an experiment together with other hosts, of which the first one writes."""
    runs.simulate_devices(asked.flags.devices)
    with distributed.joined(place):
        if hosts.is_first():
            _work(name, asked)
            telling.conclude(_planned(name, asked).folder, asked)
            return
        experiment = runs.load(asked.experiments, name)
        config = runs.configure(experiment.Config, asked.settings, experiment=name)
        about = {"experiment": name, "config": runs.canonical_json(config)}
        devices = distributed.select_devices(asked.flags.devices)
        distributed.follow(experiment, config, devices, about)


def _planned(name: str, asked: options.Asked) -> Plan:
    config = runs.configured(asked.experiments, name, asked.settings)
    return _plan(name, asked, config)


def _work(name: str, asked: options.Asked) -> None:
    """Measure what is not measured yet, and write the report."""
    runs.simulate_devices(asked.flags.devices)  # before a backend starts
    experiment = runs.load(asked.experiments, name)
    config = runs.configure(experiment.Config, asked.settings, experiment=name)
    plan = _plan(name, asked, config)
    own = own_data(config)
    _require_same_data(plan, own)
    changed = runs.changed(plan.folder, plan.record)
    if plan.record.get("status") == "finished" and not changed:
        distributed.measures(needed=False)
        return
    devices = distributed.select_devices(asked.flags.devices)
    environment = runs.environment(devices, asked.experiments) | {
        "command": f"{program.command()} {shlex.join(asked.words)}",
        "data": own,
    }
    with (
        runs.lock(plan.folder),
        runs.cached_compilation(),
        runs.attempt(
            plan.folder, name, plan.identity, environment=environment
        ) as attempt,
    ):
        context = _context(plan, devices, asked)
        for line in _resumption(plan, attempt, changed, environment):
            context.progress.say(line)
        found = plan.folder / runs.findings.FILE
        pending = found.with_name(f".{found.name}")
        distributed.measures(needed=not (found.exists() or pending.exists()))
        if not found.exists():
            with profiling.profile(context, wanted=asked.flags.profile):
                _measure(experiment, config, context)
        told = telling.Run(plan.folder, name, experiment, config, plan.identity)
        telling.write(asked.experiments, told)


def _plan(name: str, asked: options.Asked, config: Any) -> Plan:
    identity = runs.canonical_json(config)
    folder = pathlib.Path(
        asked.flags.workdir or runs.default_folder(name, identity)
    ).expanduser()  # which shells do not do behind `--workdir=`
    record = runs.examine(folder, name, identity)
    return Plan(name, config, identity, folder, record)


def _is_done(plan: Plan) -> bool:
    """Return whether nothing is to be done, as far as can be told without imports."""
    if plan.record.get("status") != "finished":
        return False
    reads = plan.record["attempts"][-1].get("data")
    return not reads and not runs.changed(plan.folder, plan.record)


def _first_line(plan: Plan, asked: options.Asked) -> str:
    """Return what is to run, where, on what, and for how long."""
    devices, about = asked.flags.devices, runs.headline(asked.experiments, plan.name)
    parts = [plan.name, f"{plan.folder}"]
    if devices is not None:
        parts.append(f"{devices} device{'' if devices == 1 else 's'}")
    if about.minutes:
        machine = "one GPU" if about.gpu else "two CPU cores"
        default = " in its default configuration" if asked.settings else ""
        unit = "minute" if about.minutes == "1" else "minutes"
        parts.append(f"about {about.minutes} {unit} on {machine}{default}")
    if len(getattr(plan.config, "seeds", range(_FEWEST))) < _FEWEST:
        parts.append(f"claims that take {_FEWEST} seeds will be untested")
    return " · ".join(parts)


def own_data(config: Any) -> dict[str, str]:
    """Return the paths that a configuration reads from -> SHA-256 of what they hold."""
    from lec7 import data

    values = [getattr(config, name, ()) for name in _READ]
    names = [x for of in values for x in (of if isinstance(of, tuple) else (of,))]
    digests = {name: data.digest(name) for name in names}
    return {name: digest for name, digest in digests.items() if digest}


def _require_same_data(plan: Plan, own: Mapping[str, str]) -> None:
    attempts = plan.record.get("attempts") or [{}]
    for path, digest in attempts[-1].get("data", {}).items():
        if own.get(path) != digest:
            raise runs.UsageError(
                f"{path} has changed since the run in {plan.folder}; expected the same "
                "data: give another --workdir, or put the data back"
            )


def _context(plan: Plan, devices: Sequence[Any], asked: options.Asked) -> runs.Context:
    from lec7 import report

    about = runs.headline(asked.experiments, plan.name)
    phases = runs.Phases(
        runs.count_phases(asked.experiments, plan.name),
        runs.earlier_seconds(plan.folder.parent, plan.name),
        None if asked.settings or about.gpu else runs.most_seconds(about.minutes),
    )
    return runs.Context(
        plan.folder,
        tuple(devices),
        report.Progress(),
        {"experiment": plan.name, "config": plan.identity},
        functools.partial(runs.add_seconds, plan.folder),
        phases.begin,
    )


def _resumption(
    plan: Plan, attempt: int, changed: Sequence[str], environment: Mapping[str, Any]
) -> Iterable[str]:
    """Yield what is to be said of earlier attempts."""
    if attempt > 1:
        state = f"changed ({', '.join(changed)})" if changed else "unfinished"
        yield f"{plan.folder} is {state}: resuming, attempt {attempt}"
    for change in runs.changes(plan.record, environment):
        yield f"attempt {attempt - 1} ran otherwise: {change}"


def _measure(experiment: types.ModuleType, config: Any, context: runs.Context) -> None:
    def measure():
        return experiment.run(config, context)

    keep(context.folder, experiment.Findings, context.identity, measure)


def keep(
    folder: pathlib.Path,
    kind: Any,
    identity: Mapping[str, str],
    measure: Callable[[], Any],
) -> None:
    """Write the findings, which are there when what they do not need is gone.

    Args:
      folder: of the run, which has begun.
      kind: type of the findings.
      identity: `experiment`, and `config`, its canonical JSON.
      measure: returns the findings.
    """
    from lec7 import train

    path = folder / runs.findings.FILE
    pending = path.with_name(f".{path.name}")
    if not pending.exists():
        runs.findings.save(pending, measure(), kind, **identity)
    train.keep_networks(folder)
    runs.seal(folder, told=False)
    pending.replace(path)
