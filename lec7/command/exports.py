"""Claims and metrics of a run as tables that other programs read."""

import functools
import itertools
import json
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lec7 import runs
from lec7.command import metric_lines, options
from lec7.runs import table_files

FOLDER = "tables"

Row = Sequence[Any]


def export(asked: options.Asked) -> None:
    """Write `claims` and `metrics` into the folder `tables` of a run.

    Raises:
      UsageError: the folder holds no finished run, or Parquet cannot be written.
    """
    folder, kind = asked.folder(), asked.flags.format or "csv"
    runs.read_run(folder, "export")
    if not (folder / runs.OUTPUTS[0]).is_file():
        raise runs.UsageError(
            f"--export={folder}: no {runs.OUTPUTS[0]} in it; expected a finished run"
        )
    if kind == "parquet" and not table_files.can_write_parquet():
        raise runs.UsageError(
            "--format=parquet: needs pyarrow, pip install 'lec7[tables]'; or take "
            "--format=csv"
        )
    with runs.lock(folder):
        for name, (header, rows) in (
            ("claims", _claims(folder)),
            ("metrics", _metrics(folder)),
        ):
            path = folder / FOLDER / f"{name}.{kind}"
            count = table_files.write(path, header, rows)
            print(f"{path}: {count:,} rows of {', '.join(header[:5])} ...")


def _claims(folder: pathlib.Path) -> tuple[Row, Iterable[Row]]:
    """Return a row for each claim, an interval in two columns."""
    text = (folder / runs.OUTPUTS[0]).read_text(encoding="utf-8")
    rows = [dict(_flat(claim)) for claim in json.loads(text)]
    header = [*dict.fromkeys(name for row in rows for name in row)]
    return header, ([row.get(name) for name in header] for row in rows)


def _flat(claim: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in claim.items():
        if name.endswith("interval"):
            low, high = value or (None, None)
            yield from ((f"{name}_low", low), (f"{name}_high", high))
        elif isinstance(value, dict):
            yield name, json.dumps(value)
        else:
            yield name, value


def _metrics(folder: pathlib.Path) -> tuple[Row, Iterable[Row]]:
    """Return a row for each training, step and member."""
    lines = metric_lines.read(folder)
    names = [*dict.fromkeys(name for _, _, metrics in lines for name in metrics)]
    seeds = functools.cache(functools.partial(_seeds, folder))
    return ["training", "step", "member", "seed", *names], (
        [training, step, member, seed, *values]
        for training, step, metrics in metric_lines.read(folder)
        for member, (seed, values) in enumerate(
            zip(
                itertools.chain(seeds(training), itertools.repeat(None)),
                zip(*_columns(metrics, names), strict=True),
                strict=False,
            )
        )
    )


def _seeds(folder: pathlib.Path, training: str) -> list[int]:
    """Return the seeds of the members, none where the checkpoints are gone."""
    path = folder / "checkpoints" / training / "training.json"
    try:
        return json.loads(path.read_bytes())["seeds"]
    except (OSError, ValueError):
        return []


def _columns(metrics: dict[str, list], names: Sequence[str]) -> list[list]:
    members = max(map(len, metrics.values()), default=0)
    return [metrics.get(name, [None] * members) for name in names]
