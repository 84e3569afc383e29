"""Run an experiment of lec7, and write its report.

  python launch.py --list
      every experiment: its question, minutes on two CPU cores, data
  python launch.py --describe=NAME
      what it asks, what to expect, and every field with type, default and unit
  python launch.py --experiment=NAME [--config.FIELD=VALUE ...] [--workdir=DIR]
                   [--devices=N]
      run it in DIR, by default runs/NAME-HASH of the configuration; the same command
      resumes a run that was interrupted. A list is --config.seeds 0 1 2. N devices are
      the first N accelerators, or N simulated on the CPU.
  python launch.py --all [--datasets=NAME,NAME ...] [--workdir=DIR] [--devices=N]
      run every experiment that needs no GPU, or those that have data on each of these
      data sets, in folders of DIR, by default runs/all; then DIR/index.html has all
      verdicts. The same command resumes; what is finished is not run again
  python launch.py --render=RUN
      tell a finished run again, from its findings, without training
  python launch.py --verify=RUN
      decide every claim again from the findings; exits with 8 where one differs from
      claims.json

Exit codes: 0 done, 1 bug, 2 usage, 3 data, 4 checkpoint, 5 diverged, 6 disk or
permission, 7 folder in use, 8 verdicts differ, 130 interrupted, 143 terminated.
"""

import functools
import json
import os
import pathlib
import shlex
import sys
import traceback
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from lec7 import runs, signals

HERE = pathlib.Path(__file__).resolve().parent
EXPERIMENTS = HERE / "experiments"
MODES = ("list", "describe", "render", "verify", "all", "experiment")
RUNNING = ("all", "experiment")
READ = ("dataset", "source", "target", "checkpoint")  # fields that may be paths
OUTPUTS = runs.OUTPUTS


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks.

    Args:
      argv: the program's name, then its arguments.

    Returns:
      The exit code.
    """
    try:
        _dispatch(argv)
    except (Exception, KeyboardInterrupt) as error:
        code = runs.exit_code(error)
        if code == 1:
            traceback.print_exc()
        else:
            message = str(error) or "interrupted; the same command resumes the run"
            print(f"launch.py: {message}", file=sys.stderr)
        return code
    return 0


def _dispatch(argv: Sequence[str]) -> None:
    options, words = _read_flags(argv)
    if options.help:
        print(__doc__.strip())
        return
    settings = runs.settings(words, options, runs.names(EXPERIMENTS))
    mode = _require_one_mode(options, settings)
    if mode == "list":
        print(runs.overview(EXPERIMENTS))
    elif mode == "describe":
        name = _require_known(mode, options.describe)
        print(runs.description(runs.load(EXPERIMENTS, name)))
    elif mode == "render":
        _render(pathlib.Path(options.render).expanduser())
    elif mode == "verify":
        _verify(pathlib.Path(options.verify).expanduser())
    elif mode == "all":
        _run_all(options)
    else:
        _run(argv, options, settings)


def _read_flags(argv: Sequence[str]) -> tuple[flags.FlagValues, list[str]]:
    options = flags.FlagValues()
    flags.DEFINE_bool("help", False, "show this", flag_values=options)
    flags.DEFINE_bool("list", False, "show every experiment", flag_values=options)
    flags.DEFINE_string("describe", None, "what to show", flag_values=options)
    flags.DEFINE_string("experiment", None, "what to run", flag_values=options)
    flags.DEFINE_string("render", None, "what to tell again", flag_values=options)
    flags.DEFINE_string("verify", None, "what to decide again", flag_values=options)
    flags.DEFINE_bool("all", False, "run every experiment", flag_values=options)
    flags.DEFINE_list("datasets", None, "on which of all", flag_values=options)
    flags.DEFINE_string("workdir", None, "where to run it", flag_values=options)
    flags.DEFINE_integer("devices", None, "on how many", 1, flag_values=options)
    options.set_gnu_getopt()
    try:
        return options, options(argv, known_only=True)[1:]
    except flags.IllegalFlagValueError as error:
        given = str(error).removeprefix("flag ").partition(": ")[0]
        name = given.removeprefix("--").partition("=")[0]
        expected = options[name].parser.syntactic_help or "no value"
        raise runs.UsageError(f"{given}: expected {expected}") from error
    except (flags.Error, ValueError) as error:
        raise runs.UsageError(f"{error} (python launch.py --help)") from error


def _require_one_mode(options: flags.FlagValues, settings: Iterable[str]) -> str:
    modes = [name for name in MODES if options[name].value]
    if not modes:
        raise runs.UsageError(
            "--experiment is missing; expected --experiment=NAME, --describe=NAME, "
            "--list or --help"
        )
    others = [f"--{name}" for name in modes[1:]]
    if modes[0] not in RUNNING:
        others += [f"--{n}" for n in ("workdir", "devices") if options[n].present]
    if modes[0] != "all":
        others += ["--datasets"] if options["datasets"].present else []
    if modes[0] != "experiment":
        others += [f"--config.{name}" for name in settings]
    if others:
        raise runs.UsageError(
            f"--{modes[0]} and {others[0]} do not go together; expected one of them"
        )
    return modes[0]


def _require_known(flag: str, name: str) -> str:
    names = runs.names(EXPERIMENTS)
    if name not in names:
        nearest = runs.did_you_mean(name, {known: known for known in names})
        raise runs.UsageError(
            f"--{flag}={name}: no such experiment; expected one that "
            f"python launch.py --list shows{nearest}"
        )
    return name


def _run(
    argv: Sequence[str],
    options: flags.FlagValues,
    settings: Mapping[str, Sequence[str]],
) -> None:
    name = _require_known("experiment", options.experiment)
    runs.simulate_devices(options.devices)  # before the import can start a backend
    experiment = runs.load(EXPERIMENTS, name)
    config = runs.configure(experiment.Config, settings, experiment=name)
    identity = runs.canonical_json(config)
    folder = pathlib.Path(options.workdir or runs.default_folder(name, identity))
    folder = folder.expanduser()  # which shells do not do behind `--workdir=`
    record = runs.examine(folder, name, identity)
    own = _own_data(config)
    _require_same_data(folder, record, own)
    changed = runs.changed(folder, record)
    if record.get("status") == "finished" and not changed:
        print(_outcome(folder))
        return
    from lec7 import report

    devices = runs.select_devices(options.devices)
    environment = runs.environment(devices, HERE) | {
        "command": shlex.join(["python", "launch.py", *argv[1:]]),
        "data": own,
    }
    with (
        runs.lock(folder),
        runs.cached_compilation(),
        runs.attempt(folder, name, identity, environment=environment) as attempt,
    ):
        progress = report.Progress()
        for line in _resumption(folder, attempt, changed, record, environment):
            progress.say(line)
        add_seconds = functools.partial(runs.add_seconds, folder)
        about = {"experiment": name, "config": identity}
        context = runs.Context(folder, devices, progress, about, add_seconds)
        if not (folder / runs.findings.FILE).exists():
            _measure(experiment, config, context)
        told = Run(folder, name, experiment, config, identity).told()
        report.write_report(folder, told, _provenance(folder, name, config))
        runs.seal(folder, told=True)
    print(_outcome(folder))


def _run_all(options: flags.FlagValues) -> None:
    names = options.datasets
    names = None if names is None else [name.strip() for name in names]
    jobs = runs.plan(EXPERIMENTS, names)
    root = pathlib.Path(options.workdir or "runs/all").expanduser()
    devices = [] if options.devices is None else [f"--devices={options.devices}"]
    told, failed = [], []
    for place, job in enumerate(jobs, start=1):
        name = f"{job.experiment} {job.dataset or ''}".strip()
        print(f"[{place} of {len(jobs)}] {name}", flush=True)
        words = [HERE / "launch.py", *job.words, f"--workdir={root / job.folder}"]
        code, said = runs.run_process([*map(str, words), *devices], show=_echo)
        if code:
            failed.append(SeriesError(f"{name} ended with {code}: {said}", code))
        told.append(_told(root, job, said if code else None))
        page = _write_gallery(root, told)
    if failed:
        many = f"{len(failed)} of {len(jobs)} runs failed; {page} has the others"
        raise SeriesError("\n".join([many, *map(str, failed)]), failed[0].exit_code)
    print(f"{len(jobs)} runs are finished; {page} has their verdicts")


class SeriesError(Exception):
    """A run of many has failed."""

    def __init__(self, message: str, exit_code: int):
        """Take the exit code of that run, which becomes that of all."""
        super().__init__(message)
        self.exit_code = exit_code


def _echo(line: str) -> None:
    print(line.rstrip(), file=sys.stderr, flush=True)


def _told(root: pathlib.Path, job: runs.Job, failure: str | None) -> Any:
    from lec7 import report

    claims = root / job.folder / OUTPUTS[0]
    return report.Told(
        experiment=job.experiment,
        question=runs.headline(EXPERIMENTS, job.experiment).question,
        column=job.dataset or "verdicts",
        link=(job.folder / OUTPUTS[1]).as_posix(),
        claims=[] if failure is not None else report.read_claims(claims),
        failure=failure,
    )


def _write_gallery(root: pathlib.Path, told: Sequence[Any]) -> pathlib.Path:
    from lec7 import report

    return report.write_gallery(root, "Lecture 7, executed", told)


def _own_data(config: Any) -> dict[str, str]:
    """Return the paths that a configuration reads from -> SHA-256 of what they hold."""
    from lec7 import data

    values = [getattr(config, name, ()) for name in READ]
    names = [x for of in values for x in (of if isinstance(of, tuple) else (of,))]
    digests = {name: data.digest(name) for name in names}
    return {name: digest for name, digest in digests.items() if digest}


def _require_same_data(
    folder: pathlib.Path, record: Mapping[str, Any], own: Mapping[str, str]
) -> None:
    attempts = record.get("attempts") or [{}]
    for path, digest in attempts[-1].get("data", {}).items():
        if own.get(path) != digest:
            raise runs.UsageError(
                f"{path} has changed since the run in {folder}; expected the same "
                "data: give another --workdir, or put the data back"
            )


def _resumption(
    folder: pathlib.Path,
    attempt: int,
    changed: Sequence[str],
    record: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> Iterable[str]:
    """Yield what is to be said of earlier attempts."""
    if attempt > 1:
        state = f"changed ({', '.join(changed)})" if changed else "unfinished"
        yield f"{folder} is {state}: resuming, attempt {attempt}"
    for change in runs.changes(record, environment):
        yield f"attempt {attempt - 1} ran otherwise: {change}"


def _measure(experiment: types.ModuleType, config: Any, context: runs.Context) -> None:
    """Write the findings, which are there when what they do not need is gone."""
    from lec7 import train

    path = context.folder / runs.findings.FILE
    pending = path.with_name(f".{path.name}")
    if not pending.exists():
        found = experiment.run(config, context)
        runs.findings.save(pending, found, experiment.Findings, **context.identity)
    train.keep_networks(context.folder)
    runs.seal(context.folder, told=False)
    pending.replace(path)


class Run(NamedTuple):
    """A run whose findings are there."""

    folder: pathlib.Path
    name: str
    experiment: types.ModuleType
    config: Any
    identity: str

    def told(self) -> Any:
        """Return what the findings say, as a report."""
        found = runs.findings.load(
            self.folder / runs.findings.FILE,
            self.experiment.Findings,
            experiment=self.name,
            config=self.identity,
        )
        return self.experiment.analyse(self.config, found)


def _open(flag: str, folder: pathlib.Path) -> Run:
    name, values = runs.read_run(folder, flag)
    experiment = runs.load(EXPERIMENTS, _require_known("experiment", name))
    if not (folder / runs.findings.FILE).exists():
        raise runs.UsageError(
            f"--{flag}={folder}: the run has no findings yet; expected a run that has "
            "measured all: the command that began it resumes it"
        )
    config = runs.restore(experiment.Config, values)
    return Run(folder, name, experiment, config, runs.canonical_json(config))


def _render(folder: pathlib.Path) -> None:
    run = _open("render", folder)
    from lec7 import report

    with runs.lock(folder):
        provenance = _provenance(folder, run.name, run.config)
        report.write_report(folder, run.told(), provenance)
        runs.seal(folder, told=True)
    print(_outcome(folder))


def _verify(folder: pathlib.Path) -> None:
    run = _open("verify", folder)
    from lec7 import report

    told = report.read_claims(folder / OUTPUTS[0])
    differences = report.differences(told, run.told().claims)
    if differences:
        raise VerifyError("\n".join([f"{folder} does not verify:", *differences]))
    print(f"{folder}: all {len(told)} claims come out again as in {OUTPUTS[0]}")


class VerifyError(Exception):
    """A claim comes out otherwise than the run has written."""

    exit_code = 8


def _provenance(folder: pathlib.Path, name: str, config: Any) -> Any:
    from lec7 import report

    last = runs.last_attempt(folder)
    now = runs.source_state(HERE)
    told = {} if now == last["git"] else {"told by commit": runs.state_text(now)}
    return report.Provenance(
        question=runs.headline(EXPERIMENTS, name).question,
        command=last["command"],
        config=runs.described(config),
        environment=runs.summary(last) | runs.earlier(folder) | told,
        seconds=runs.seconds(folder),
    )


def _outcome(folder: pathlib.Path) -> str:
    claims, page = (folder / file for file in OUTPUTS)
    rows = json.loads(claims.read_text(encoding="utf-8"))
    kinds = [row.get("kind", "empirical") for row in rows]
    empirical = [
        row["verdict"]
        for row, kind in zip(rows, kinds, strict=True)
        if kind == "empirical"
    ]
    told = [
        f"{empirical.count(verdict)} {verdict}"
        for verdict in ("supported", "contradicted", "inconclusive", "untested")
        if verdict in empirical
    ]
    if others := len(rows) - len(empirical):
        told.append(f"{others} identities or definitions")
    return f"{folder} is finished: {', '.join(told)}; its report is {page}"


if __name__ == "__main__":
    signals.install()
    os.environ["MPLBACKEND"] = "agg"  # nothing opens a window
    signals.leave(main(sys.argv))
