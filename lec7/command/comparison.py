"""Runs side by side, at the terminal and on a page."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lec7 import program, runs
from lec7.command import metric_lines, options

_METRICS = ("train_loss", "validation_loss")


def compare(asked: options.Asked) -> None:
    """Print what differs between runs, and write a page of it.

    Raises:
      UsageError: there are fewer than two runs, or they share no claim.
    """
    if len(asked.folders) < 2:
        raise runs.UsageError("--compare: expected two runs or more, --compare RUN RUN")
    found = [runs.read_run(folder, "compare") for folder in asked.folders]
    for folder in asked.folders:
        if not (folder / runs.OUTPUTS[0]).is_file():
            raise runs.UsageError(
                f"--compare: {folder} has no {runs.OUTPUTS[0]} yet; expected finished "
                "runs"
            )
    target = _target(asked)
    from lec7.report import side_by_side

    sides = [
        _side(side_by_side, target, name, folder, values)
        for name, folder, (_, values) in zip(
            _names(asked.folders), asked.folders, found, strict=True
        )
    ]
    if len({experiment for experiment, _ in found}) > 1:
        sides = _sharing(sides, [experiment for experiment, _ in found])
    told = (
        side_by_side.compare_claims(sides),
        side_by_side.compare_values(sides, "setting", "settings"),
        side_by_side.compare_values(sides, "machine", "environment"),
    )
    tables = [runs.table(rows, runs.terminal_width()) for rows in filter(None, told)]
    page = side_by_side.write_side_by_side(target, sides)
    hint = f"to see it: {program.command()} --open={target}"
    print("\n\n".join([*tables, f"{page} has their curves too\n{hint}"]))


def _target(asked: options.Asked) -> pathlib.Path:
    """Return the folder of the page, in which nothing else stands.

    Raises:
      UsageError: something else does.
    """
    names = "\n".join(str(folder.resolve()) for folder in asked.folders)
    digest = hashlib.sha256(names.encode()).hexdigest()[:10]
    folder = pathlib.Path(asked.flags.workdir or f"runs/comparison-{digest}")
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise runs.UsageError(f"--workdir={folder}: expected a folder")
    for path in folder.iterdir() if folder.exists() else ():
        if path.name not in ("index.html", "figures"):
            raise runs.UsageError(
                f"--workdir={folder}: the folder holds {path.name}; expected an empty "
                "folder, or that of a comparison"
            )
    return folder


def _names(folders: Sequence[pathlib.Path]) -> list[str]:
    """Return the shortest ends of the paths that tell them apart.

    Raises:
      UsageError: a run is given twice.
    """
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts))):
        names = ["/".join(path[-length:]) for path in parts]
        if len({*names}) == len(names):
            return names
    raise runs.UsageError(f"--compare: {folders[0]} is given twice")


def _side(
    side_by_side: Any,
    target: pathlib.Path,
    name: str,
    folder: pathlib.Path,
    values: Mapping[str, Any],
) -> Any:
    from lec7 import report

    page = folder.resolve() / runs.OUTPUTS[1]
    return side_by_side.Side(
        name=name,
        link=pathlib.Path(os.path.relpath(page, target.resolve())).as_posix(),
        claims=report.read_claims(folder / runs.OUTPUTS[0]),
        settings={key: f"{value}" for key, value in runs.flat(values).items()},
        environment=runs.summary(runs.last_attempt(folder)),
        lines=metric_lines.curves(folder, _METRICS),
    )


def _sharing(sides: Sequence[Any], experiments: Sequence[str]) -> list[Any]:
    """Return the sides with the claims alone that all of them have.

    Raises:
      UsageError: there is no such claim.
    """
    shared = set.intersection(*({claim.id for claim in s.claims} for s in sides))
    if not shared:
        raise runs.UsageError(
            f"--compare: runs of {', '.join(dict.fromkeys(experiments))} share no "
            "claim; expected runs of one experiment, or claims of one id"
        )
    return [
        dataclasses.replace(s, claims=[c for c in s.claims if c.id in shared])
        for s in sides
    ]
