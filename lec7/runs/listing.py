"""The experiments, and one of them, as text for a terminal."""

import pathlib
import types
from collections.abc import Sequence

from lec7.runs import catalogue, schema


def overview(folder: pathlib.Path) -> str:
    """Return a line for every experiment of a folder, read without importing it."""
    rows = [("experiment", "question", "minutes", "data")]
    for name in catalogue.names(folder):
        line = catalogue.headline(folder, name)
        minutes = line.minutes + (", on a GPU" if line.gpu else "")
        rows.append((line.name, line.question, minutes, line.data))
    return _table(rows)


def description(experiment: types.ModuleType) -> str:
    """Return an experiment's docstring and the fields of its configuration."""
    rows = [("field", "default", "meaning", "value")]
    for field in schema.fields(experiment.Config):
        flag = f"--config.{field.name}"
        rows.append((flag, field.default_text, field.comment, field.expected))
    return f"{experiment.__doc__.strip()}\n\n{_table(rows)}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
