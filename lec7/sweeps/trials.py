"""A trial of a sweep, and the row that it becomes."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

Value = float | int | str | tuple[float | int | str, ...]
"""Of a field of a configuration; a tuple is a list on the command line."""

FINISHED = "finished"
FAILED = "failed"
UNFINISHED = "unfinished"


class Trial(NamedTuple):
    """One configuration of an experiment."""

    number: int
    """From 0, in the order in which the sweep was planned."""
    settings: Mapping[str, Value]
    """Field -> value, of those that the sweep varies or sets."""
    run: tuple[str, str] | None = None
    """Experiment and canonical configuration; None where it is not planned yet."""

    @property
    def folder(self) -> pathlib.PurePosixPath:
        """Within that of the sweep; an ordinary run's folder."""
        return pathlib.PurePosixPath("trials", f"{self.number:05d}")

    @property
    def words(self) -> list[str]:
        """What the program is to be told of it, its folder aside."""
        words = []
        for field, value in self.settings.items():
            if isinstance(value, tuple):
                words += [f"--config.{field}", *map(str, value)]
            else:
                words.append(f"--config.{field}={value}")
        return words


class Row(NamedTuple):
    """What became of a trial."""

    trial: Trial
    status: str
    """`FINISHED`, `FAILED` or `UNFINISHED`."""
    said: str
    """Why it failed; empty otherwise."""
    values: Mapping[str, float]
    """Measure, such as `small_batch.validation_loss` or a claim's id -> its value."""


class Range(NamedTuple):
    """Numbers to search in, `log(1e-4, 1)` or `lin(0, 0.5)` on the command line."""

    low: float
    high: float
    log: bool
    """Whether factors count, not differences."""
    whole: bool
    """Whether the field takes integers."""
