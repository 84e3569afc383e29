"""The experiments, and one of them, as text for a terminal."""

import os
import pathlib
import shutil
import sys
import textwrap
from collections.abc import Sequence

from lec7.runs import catalogue, schema

_WIDTH = 100  # where there is no terminal


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
    return _table(rows, _terminal_width() if narrow else sys.maxsize)


def description(folder: pathlib.Path, name: str) -> str:
    """Return an experiment's docstring and the fields of its configuration."""
    return "\n".join([catalogue.docstring(folder, name), *_groups(folder, name)])


def _groups(folder: pathlib.Path, name: str) -> list[str]:
    """Return a table for the plain fields, and one for each that has fields itself."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for field in schema.fields(catalogue.config_class(folder, name)):
        outer = field.name.rpartition(".")[0]
        flag = f"--config.{field.name}"
        row = (flag, field.default_text, field.comment, field.expected)
        groups.setdefault(outer, []).append(row)
    width = _terminal_width()
    return [
        f"\n{_table([(outer or 'field', 'default', 'meaning', 'value'), *rows], width)}"
        for outer, rows in groups.items()
    ]


def _terminal_width() -> int:
    return shutil.get_terminal_size((_WIDTH, 24)).columns


def _table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Return rows in columns that are together no wider than `width`, if they can."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    least = [max(map(len, column[0].split())) for column in zip(*rows, strict=True)]
    least[0] = widths[0]  # since a name is no name in two parts
    while sum(widths) + 2 * (len(widths) - 1) > width and widths != least:
        spare = [have - need for have, need in zip(widths, least, strict=True)]
        widest = max(range(len(widths)), key=lambda i: (spare[i] > 0, widths[i]))
        widths[widest] -= 1
    return "\n".join(line for row in rows for line in _lines(row, widths))


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(row, widths, strict=True)
    ]
    return [
        "  ".join(
            (cell[line] if line < len(cell) else "").ljust(width)
            for cell, width in zip(cells, widths, strict=True)
        ).rstrip()
        for line in range(max(map(len, cells)))
    ]
