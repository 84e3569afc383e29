"""Tables as files that other programs read: CSV, and Parquet where pyarrow is there."""

import contextlib
import csv
import importlib.util
import itertools
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

_MANY = 50_000  # rows that are written at a time

Row = Sequence[Any]


def can_write_parquet() -> bool:
    """Return whether pyarrow is there."""
    return importlib.util.find_spec("pyarrow") is not None


def write(path: pathlib.Path, header: Row, rows: Iterable[Row]) -> int:
    """Write a table, whole or not at all; equal rows give equal bytes.

    Args:
      path: of the file, which ends in .csv or .parquet. Its folder is made.
      header: a title for each column.
      rows: of numbers, words, truth values and None.

    Returns:
      How many rows there were.
    """
    writer = {".csv": _write_csv, ".parquet": _write_parquet}[path.suffix]
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    with contextlib.ExitStack() as leftover:
        leftover.callback(partial.unlink, missing_ok=True)
        count = writer(partial, header, rows)
        partial.replace(path)
    return count


def _write_csv(path: pathlib.Path, header: Row, rows: Iterable[Row]) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def _write_parquet(path: pathlib.Path, header: Row, rows: Iterable[Row]) -> int:
    import pyarrow
    from pyarrow import parquet

    rows, count = iter(rows), 0
    first = [*itertools.islice(rows, _MANY)]
    schema = pyarrow.schema(
        [
            (name, _type(pyarrow, [row[place] for row in first]))
            for place, name in enumerate(header)
        ]
    )
    with parquet.ParquetWriter(path, schema) as writer:
        part = first
        while part:
            columns = [*map(list, zip(*part, strict=True))]
            writer.write_table(pyarrow.table(columns, schema=schema))
            count += len(part)
            part = [*itertools.islice(rows, _MANY)]
    return count


def _type(pyarrow: Any, values: Sequence[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pyarrow.bool_()
    if kinds == {int}:
        return pyarrow.int64()
    return pyarrow.string() if kinds == {str} else pyarrow.float64()
