"""A run that has measured all: told again, verified, and what came of it."""

import json
import pathlib
import types
from typing import Any, NamedTuple

from lec7 import program, runs
from lec7.command import browser, options

CLAIMS, PAGE = runs.OUTPUTS
VERDICTS = ("supported", "contradicted", "inconclusive", "untested")


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


class VerifyError(Exception):
    """A claim comes out otherwise than the run has written."""

    exit_code = 8


def render(asked: options.Asked) -> None:
    """Tell a finished run again.

    Raises:
      UsageError: the folder holds no run that has measured all.
      FolderInUseError: another process is at work in it.
    """
    run = _read(asked)
    with runs.lock(run.folder):
        write(asked.experiments, run)
    conclude(run.folder, asked)


def verify(asked: options.Asked) -> None:
    """Decide every claim of a finished run again.

    Raises:
      UsageError: the folder holds no run that has measured all.
      VerifyError: a claim differs.
    """
    run = _read(asked)
    from lec7 import report

    told = report.read_claims(run.folder / CLAIMS)
    differences = report.differences(told, run.told().claims)
    if differences:
        raise VerifyError("\n".join([f"{run.folder} does not verify:", *differences]))
    print(f"{run.folder}: all {len(told)} claims come out again as in {CLAIMS}")


def write(experiments: pathlib.Path, run: Run) -> None:
    """Write figures, claims and page of a run, whose folder is locked."""
    from lec7 import report

    told, provenance = run.told(), _provenance(experiments, run)
    report.write_report(run.folder, told, provenance)
    runs.seal(run.folder, told=True)


def conclude(folder: pathlib.Path, asked: options.Asked) -> None:
    """Say what came of a run, and show its report where that is asked for."""
    rows = json.loads((folder / CLAIMS).read_text(encoding="utf-8"))
    kinds = [row.get("kind", "empirical") for row in rows]
    empirical = [
        row["verdict"]
        for row, kind in zip(rows, kinds, strict=True)
        if kind == "empirical"
    ]
    told = [
        f"{empirical.count(verdict)} {verdict}"
        for verdict in VERDICTS
        if verdict in empirical
    ]
    if others := len(rows) - len(empirical):
        told.append(f"{others} identities or definitions")
    print(f"{folder} is finished: {', '.join(told)}")
    print(f"its report is {folder / PAGE}")
    if asked.flags.open:
        browser.show(folder / PAGE)
    else:
        print(f"to see it: {program.command()} --open={folder}")


def _read(asked: options.Asked) -> Run:
    folder = asked.folder()
    name, values = runs.read_run(folder, asked.mode)
    options.require_known("experiment", name, asked.experiments)
    experiment = runs.load(asked.experiments, name)
    if not (folder / runs.findings.FILE).exists():
        raise runs.UsageError(
            f"--{asked.mode}={folder}: the run has no findings yet; expected a run "
            "that has measured all: the command that began it resumes it"
        )
    config = runs.restore(experiment.Config, values)
    return Run(folder, name, experiment, config, runs.canonical_json(config))


def _provenance(experiments: pathlib.Path, run: Run) -> Any:
    from lec7 import report

    last = runs.last_attempt(run.folder)
    return report.Provenance(
        question=runs.headline(experiments, run.name).question,
        command=last["command"],
        config=runs.described(run.config),
        environment=runs.summary(last)
        | runs.earlier(run.folder)
        | runs.told_by(last, experiments),
        seconds=runs.seconds(run.folder),
    )
