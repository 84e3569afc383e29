"""The experiments, and one of them, as text for a terminal."""

import os
import pathlib
import sys

from lec7.runs import catalogue, columns, schema


def overview(folder: pathlib.Path) -> str:
    """Return a row for every experiment of a folder, read without importing it.

    At a terminal rows are as wide as that; elsewhere each is one line.
    """
    rows = [("experiment", "question", "minutes", "data")]
    for name in catalogue.names(folder):
        line = catalogue.headline(folder, name)
        minutes = line.minutes + (", on a GPU" if line.gpu else "")
        rows.append((line.name, line.question, minutes, line.data))
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return columns.table(rows, columns.terminal_width() if narrow else sys.maxsize)


def description(folder: pathlib.Path, name: str) -> str:
    """Return an experiment's docstring and the fields of its configuration."""
    return "\n".join([catalogue.docstring(folder, name), *_groups(folder, name)])


def _groups(folder: pathlib.Path, name: str) -> list[str]:
    """Return a table for the plain fields, and one for each that has fields itself."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for field in schema.fields(catalogue.config_class(folder, name)):
        outer = field.name.rpartition(".")[0]
        flag = f"--config.{field.name}"
        row = (flag, _default(field), field.comment, field.expected)
        groups.setdefault(outer, []).append(row)
    tables = (
        [(outer or "field", "default", "meaning", "value"), *rows]
        for outer, rows in groups.items()
    )
    width = columns.terminal_width()
    return [f"\n{columns.table(table, width)}" for table in tables]


def _default(field: schema.Field) -> str:
    """Return the default as one types it, and a list of all there is as that."""
    listed = field.limits.removeprefix("different ones of ").split(", ")
    several = isinstance(field.default, tuple) and len(listed) > 1
    return "all" if several and [*field.default] == listed else field.default_text
