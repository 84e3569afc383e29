"""Every experiment, one run after another, and a page with the verdicts of all."""

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from lec7 import program, runs
from lec7.command import browser, options, telling


class SeriesError(Exception):
    """A run of many has failed."""

    def __init__(self, message: str, exit_code: int):
        """Take the exit code of that run, which becomes that of all."""
        super().__init__(message)
        self.exit_code = exit_code


def run_all(asked: options.Asked) -> None:
    """Run every experiment, or those with data on each of several data sets.

    Raises:
      UsageError: the data sets cannot be told apart.
      DataError: one of them cannot be had; nothing has been run.
      SeriesError: a run has failed; the others are done all the same.
    """
    names = asked.flags.datasets
    names = None if names is None else [name.strip() for name in names]
    jobs = runs.plan(asked.experiments, names)
    _require_data(names or ())
    root = pathlib.Path(asked.flags.workdir or "runs/all").expanduser()
    devices = asked.flags.devices
    devices = [] if devices is None else [f"--devices={devices}"]
    told, failed = [], []
    for place, job in enumerate(jobs, start=1):
        name = f"{job.experiment} {job.dataset or ''}".strip()
        print(f"[{place} of {len(jobs)}] {name}", flush=True)
        words = [*program.words(), *job.words, f"--workdir={root / job.folder}"]
        code, said = runs.run_process([*words, *devices], show=_echo)
        if code:
            failed.append(SeriesError(f"{name} ended with {code}: {said}", code))
        told.append(_told(asked.experiments, root, job, said if code else None))
        page = _write_gallery(root, told)
    if failed:
        many = f"{len(failed)} of {len(jobs)} runs failed; {page} has the others"
        raise SeriesError("\n".join([many, *map(str, failed)]), failed[0].exit_code)
    print(f"{len(jobs)} runs are finished; {page} has their verdicts")
    if asked.flags.open:
        browser.show(page)


def _require_data(names: Sequence[str]) -> None:
    """Load every data set, before the first run of hours meets one that is not there.

    Raises:
      DataError: one cannot be had.
    """
    from lec7 import data

    for name in names:
        data.load(name)


def _echo(line: str) -> None:
    print(line.rstrip(), file=sys.stderr, flush=True)


def _told(
    experiments: pathlib.Path, root: pathlib.Path, job: runs.Job, failure: str | None
) -> Any:
    from lec7 import report

    claims = root / job.folder / telling.CLAIMS
    return report.Told(
        experiment=job.experiment,
        question=runs.headline(experiments, job.experiment).question,
        column=job.dataset or "verdicts",
        link=(job.folder / telling.PAGE).as_posix(),
        claims=[] if failure is not None else report.read_claims(claims),
        failure=failure,
    )


def _write_gallery(root: pathlib.Path, told: Sequence[Any]) -> pathlib.Path:
    from lec7 import report

    return report.write_gallery(root, "Lecture 7, executed", told)
