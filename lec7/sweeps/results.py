"""What the trials of a sweep have found, as numbers and as one table."""

import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zipfile import BadZipFile

from lec7 import runs
from lec7.runs import table_files
from lec7.sweeps import trials

SPREAD = "_sd"
"""What the name of a standard deviation over members ends with."""
TABLE = "table"
_FINAL = re.compile(r"(?:(?P<path>.+)/)?final/(?P<metric>[^/]+)")


def values(folder: pathlib.Path) -> dict[str, float]:
    """Return all numbers that a finished trial has found, in a fixed order.

    Args:
      folder: of its run.

    Returns:
      Of each training what it ended with, such as `validation_loss`, the mean over its
      members, and `validation_loss_sd`, their sample standard deviation, where there
      are several; of several trainings `PATH.validation_loss`, with the path in the
      findings. Then the effect of each claim by its id. NaN stays NaN.

    Raises:
      UsageError: a file is damaged.
    """
    try:
        return {**_measures(folder), **_effects(folder)}
    except (
        *(ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile),
        *(OverflowError, RecursionError),
    ) as error:
        raise runs.UsageError(
            f"{folder}: {runs.findings.FILE} or {runs.OUTPUTS[0]} in it is damaged "
            f"({error}); expected those of a finished run: remove the folder, and the "
            "same sweep runs that trial again"
        ) from error


def write_table(root: pathlib.Path, rows: Sequence[trials.Row]) -> list[pathlib.Path]:
    """Write `table.csv` and, where pyarrow is there, `table.parquet`.

    Args:
      root: the sweep's folder.
      rows: in any order.

    Returns:
      The paths of the tables, which are the same, byte for byte, of the same rows.
    """
    header, cells = table(rows)
    kinds = ["csv", "parquet"] if table_files.can_write_parquet() else ["csv"]
    paths = [root / f"{TABLE}.{kind}" for kind in kinds]
    for path in paths:
        table_files.write(path, header, cells)
    return paths


def table(rows: Sequence[trials.Row]) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a line for each trial: settings, status, then values.

    A list of a setting is written as its words on the command line; a value that a
    trial lacks is None.
    """
    rows = sorted(rows, key=lambda row: row.trial.number)
    fields = _names(row.trial.settings for row in rows)
    measures = _names(row.values for row in rows)
    settings = [
        _column([row.trial.settings.get(name) for row in rows]) for name in fields
    ]
    cells = [
        [
            row.trial.number,
            *(column[place] for column in settings),
            *(row.status, row.said),
            *(row.values.get(name) for name in measures),
        ]
        for place, row in enumerate(rows)
    ]
    return ["number", *fields, "status", "said", *measures], cells


def _measures(folder: pathlib.Path) -> dict[str, float]:
    import numpy as np

    with np.load(folder / runs.findings.FILE, allow_pickle=False) as file:
        finals = [found for name in file.files if (found := _FINAL.fullmatch(name))]
        records = {
            found["path"] for found in finals if _join(found["path"], "updates") in file
        }
        return {
            name: value
            for found in finals
            if found["path"] in records
            for name, value in _summary(
                _name(found, alone=len(records) == 1), file[found[0]]
            )
        }


def _join(path: str | None, name: str) -> str:
    return f"{path}/{name}" if path else name


def _name(found: re.Match, *, alone: bool) -> str:
    parts = [] if alone or not found["path"] else found["path"].split("/")
    return ".".join([*parts, found["metric"]]).replace(" ", "_")


def _summary(name: str, members: Any) -> Iterable[tuple[str, float]]:
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):  # of a training that exploded
        yield name, float(members.mean(dtype=float))
        if members.size > 1:
            yield f"{name}{SPREAD}", float(members.std(ddof=1, dtype=float))


def _effects(folder: pathlib.Path) -> dict[str, float]:
    claims = json.loads((folder / runs.OUTPUTS[0]).read_text(encoding="utf-8"))
    effects = {claim["id"]: claim["effect"] for claim in claims}
    return {
        id: float("nan") if effect is None else float(effect)
        for id, effect in effects.items()
    }


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return [*dict.fromkeys(name for mapping in mappings for name in mapping)]


def _column(settings: Sequence[trials.Value | None]) -> list[Any]:
    """Return the values of one setting, all words where one is a word or a list."""
    if all(value is None or isinstance(value, int | float) for value in settings):
        return [*settings]
    return [None if value is None else words(value) for value in settings]


def words(value: trials.Value) -> str:
    """Return a value as it is typed on the command line.

    Example:
      >>> words((0, 1)), words(0.1)
      ('0 1', '0.1')
    """
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
