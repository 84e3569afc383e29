"""Run the experiments of lecture 7, and tell what they find.

Look:
  python launch.py --list
      every experiment: its question, minutes on two CPU cores, data
  python launch.py --describe=NAME
      what it asks, what to expect, and every field with type, default and unit

Run:
  python launch.py --experiment=NAME [--config.FIELD=VALUE ...] [--workdir=DIR]
                   [--devices=N] [--profile] [--open]
      run it in DIR, by default runs/NAME-HASH of the configuration; the same command
      resumes a run that was interrupted. A list is --config.seeds 0 1 2. N devices are
      the first N accelerators, or N simulated on the CPU. --profile writes what JAX did
      when to DIR/profile, for ui.perfetto.dev; --open shows the report when it is done
  python launch.py --experiment=NAME ... --distributed [--coordinator=HOST:PORT
                   --num_processes=N --process_id=I] [--lost_after=SECONDS]
      run it on many hosts, the same command on each; on SLURM, Kubernetes or Cloud TPU
      --distributed alone. The first host writes
  python launch.py --experiment=NAME ... --dry_run [--hosts=N [--bandwidth=GBITS]
                   [--latency=MICROSECONDS]]
      what it would take: parameters, FLOPs, bytes and time of every training, each
      compiled and timed for a second; also on N hosts. Nothing is written but
      prepared data
  python launch.py --experiment=NAME --sweep='FIELD=VALUES;FIELD=VALUES' [--trials=N]
                   [--sweep_seed=0] [--search=tpe] [--objective=MEASURE] [--members=64]
                   [--config.FIELD=VALUE ...]
                   [--workers=K | --ray=HOST:PORT [--trial_cpus=1] [--trial_gpus=0]]
      a run for every combination of VALUES: a,b,c or log(FROM,TO,N) or lin(FROM,TO,N);
      log(FROM,TO) and lin(FROM,TO) are drawn from, N times, or searched by optuna's
      TPE for the best MEASURE of the validation. --sweep=FILE.json lists the trials.
      K runs at a time, by default half as many as cores, or as many as a Ray cluster
      has room for, in DIR, by default runs/NAME-sweep-HASH. DIR/index.html compares
      them. The same command resumes; what failed is tried again
  python launch.py --all [--datasets=NAME,NAME ...] [--workdir=DIR] [--devices=N]
      run every experiment that needs no GPU, or those that have data on each of these
      data sets, in folders of DIR, by default runs/all; then DIR/index.html has all
      verdicts. The same command resumes; what is finished is not run again

Read a run, a folder in which an experiment has run:
  python launch.py --open=RUN
      show its report in the browser
  python launch.py --serve=FOLDER [--port=N]
      show a folder to the browsers of this machine, until Ctrl-C
  python launch.py --render=RUN [--open]
      tell a finished run again, from its findings, without training
  python launch.py --verify=RUN
      decide every claim again from the findings; exits with 8 where one differs from
      claims.json
  python launch.py --compare RUN RUN ... [--workdir=DIR]
      claims, settings and machines side by side; DIR/index.html has the curves too
  python launch.py --export=RUN [--format=csv|parquet]
      claims and metrics as tables in RUN/tables

  python launch.py --help | --version

Exit codes: 0 done, 1 bug, 2 usage, 3 data, 4 checkpoint, 5 diverged, 6 disk or
permission, 7 folder in use, 8 verdicts differ, 9 a host or a trial is lost,
130 interrupted, 143 terminated.
"""

import contextlib
import importlib
import os
import pathlib
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import NoReturn

from lec7 import program, runs, signals
from lec7.command import options

_PACKAGE = pathlib.Path(__file__).parent.parent
_WORK = {
    "all": ("every", "run_all"),
    "compare": ("comparison", "compare"),
    "describe": ("showing", "show_one"),
    "experiment": ("single", "run"),
    "export": ("exports", "export"),
    "list": ("showing", "show_all"),
    "open": ("browser", "open_run"),
    "render": ("telling", "render"),
    "serve": ("serving", "serve"),
    "sweep": ("sweeping", "run_sweep"),
    "verify": ("telling", "verify"),
    "version": ("showing", "show_version"),
}
"""Mode -> module, imported when it is asked for, and what it does there."""
_RESUMED = ("all", "experiment", "sweep")


def start(argv: Sequence[str], experiments: pathlib.Path | None = None) -> NoReturn:
    """Do what the command line asks, and end the process; see `main`."""
    program.called_as(argv[0])
    signals.install(program.name())
    signals.end_with_parent()
    os.environ["MPLBACKEND"] = "agg"  # nothing opens a window
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    warnings.formatwarning = _format_warning
    signals.leave(main(argv, experiments))


def main(argv: Sequence[str], experiments: pathlib.Path | None = None) -> int:
    """Do what the command line asks.

    Args:
      argv: the program's name, then its arguments.
      experiments: their folder; by default that of the installation or checkout.

    Returns:
      The exit code.
    """
    program.called_as(argv[0])
    try:
        _dispatch(argv[1:], experiments or _own_experiments())
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return runs.PIPE_CLOSED
    except (Exception, KeyboardInterrupt) as error:
        code = runs.exit_code(error)
        if code == 1 and not hasattr(error, "exit_code"):
            traceback.print_exc()
        else:
            print(f"{program.name()}: {_message(error)}", file=sys.stderr)
        return code
    return 0


def _own_experiments() -> pathlib.Path:
    installed = _PACKAGE / "experiments"
    return installed if installed.is_dir() else _PACKAGE.parent / "experiments"


def _dispatch(arguments: Sequence[str], experiments: pathlib.Path) -> None:
    asked = options.read(arguments, experiments)
    if asked.mode == "help":
        print(__doc__.strip().replace("python launch.py", program.command()))
        return
    module, function = _WORK[asked.mode]
    resumes = asked.mode in _RESUMED and not asked.flags.dry_run
    with contextlib.nullcontext() if resumes else signals.nothing_to_resume():
        getattr(importlib.import_module(f"lec7.command.{module}"), function)(asked)


def _message(error: BaseException) -> str:
    """Return one message of what went wrong."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or "interrupted; the same command resumes the run"


def _format_warning(message: Warning | str, *where: object) -> str:
    """Return a warning without the place in the source, which no user has written."""
    del where
    return f"{program.name()}: warning: {message}\n"
