"""The record of a training: one JSON line for every step, each step exactly once.

A line holds `training` (its name), `step` and, for each metric, a list over the
members, null where a member has stopped or a number is not finite. Evaluations stand in
the line of the step after which they were made; of more than `MANY` members only these
lines have more than the loss. A number has the fewest digits that tell its float32; the
metrics that float32 does not hold are named in `float64`. There are no clock times, so
that equal runs write equal bytes. A checkpoint has the SHA-256 of its training's lines,
by which damage, and the lines of another run, are noticed.
"""

import hashlib
import json
import math
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from lec7 import files
from lec7.train import checkpoint, events

MANY = 16  # members of which most lines have the loss alone
LOSS, WIDE = "loss", "float64"


class MetricsLog:
    """The lines of one training in a file that several trainings write in turn."""

    def __init__(
        self,
        path: pathlib.Path,
        training: str,
        also: events.EventsLog | None = None,
    ):
        """Open the log of `training` in the file at `path`; `also` takes its rows."""
        self._path = path
        self._training = training
        self._also = also
        self._sum = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of the lines of this training."""
        return self._sum.hexdigest()

    def count(self) -> int:
        """Return the number of this training's lines."""
        return sum(row is not None and self._is_ours(row) for _, row in self._lines())

    def rewind(self, step: int, digest: str | None = None) -> int:
        """Drop this training's lines from `step` on, and a torn end of the file.

        Args:
          step: first step to drop.
          digest: of the lines before it; unless given, only their number is checked.

        Returns:
          Number of this training's lines that remain, `step`.

        Raises:
          CheckpointError: lines are missing, damaged or of another run; nothing was
            dropped.
        """
        lines = list(self._lines())
        while lines and lines[-1][1] is None:
            lines.pop()
        ours = {
            i: row["step"] for i, (_, row) in enumerate(lines) if self._is_ours(row)
        }
        kept = [i for i, at in ours.items() if at < step]
        total = hashlib.sha256(b"".join(lines[i][0] for i in kept))
        if [ours[i] for i in kept] != list(range(step)):
            self._refuse(f"{len(kept)} of the {step} steps of {self._training!r}")
        if digest not in (None, total.hexdigest()):
            self._refuse(f"other numbers for the {step} steps of {self._training!r}")
        self._sum = total
        self._replace(
            line for i, (line, _) in enumerate(lines) if ours.get(i, -1) < step
        )
        return len(kept)

    def finish(self) -> dict[str, np.ndarray]:
        """Put trainings in the order in which they began, and read this one.

        Returns:
          What `read` does.
        """
        lines = list(self._lines())
        begun: dict[str, int] = {}
        for _, row in filter(lambda pair: pair[1], lines):
            begun.setdefault(row["training"], len(begun))
        # Where an older checkpoint was resumed from, lines of later ones come before.
        if all(row for _, row in lines):
            ordered = sorted(lines, key=lambda pair: begun[pair[1]["training"]])
            self._replace(line for line, _ in ordered)
        return self._arrays(lines)

    def _lines(self) -> Iterator[tuple[bytes, dict | None]]:
        """Yield each line, and its row, None where it is torn or damaged."""
        if self._path.is_dir():
            self._refuse("no lines, for it is a folder")
        if self._path.exists():
            for line in self._path.read_bytes().splitlines(keepends=True):
                yield line, _parse(line)

    def _rows(self) -> Iterator[dict | None]:
        for _, row in self._lines():
            yield row and {name: row[name] for name in row if name != WIDE}

    def _is_ours(self, row: dict | None) -> bool:
        return row is not None and row["training"] == self._training

    def _replace(self, lines: Iterator[bytes]) -> None:
        content = b"".join(lines)
        if self._path.exists() and self._path.read_bytes() != content:
            files.write(self._path, content)

    def _refuse(self, found: str) -> None:
        raise checkpoint.CheckpointError(
            f"{self._path} has {found}; expected those before the newest checkpoint: "
            "restore the file from a copy, or delete the run's folder to start anew"
        )

    def append(
        self,
        first_step: int,
        metrics: Mapping[str, np.ndarray],
        active: np.ndarray,
        measured: Mapping[str, np.ndarray],
    ) -> None:
        """Add the lines of T steps, and the evaluation made after the last.

        Args:
          first_step: number of the first of the T steps.
          metrics: name -> [T, M].
          active: members that took part, bool [M].
          measured: name -> [M].
        """
        count = len(next(iter(metrics.values())))
        rows = []
        for i in range(count):
            last, row = i == count - 1, {}
            for name, values in metrics.items():
                if last or name == LOSS or active.size <= MANY:
                    row[name] = _values(values[i], active)
            if last:
                row |= {name: _values(v, v == v) for name, v in measured.items()}
            rows.append({"training": self._training, "step": first_step + i} | row)
        if self._also is not None:
            self._also.append(rows, filter(self._is_ours, self._rows()))
        content = b"".join(map(_line, rows))
        with files.naming(self._path, len(content)), self._path.open("ab") as file:
            file.write(content)
        self._sum.update(content)

    def sync(self) -> None:
        """Return when all lines are on the disk."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def read(self) -> dict[str, np.ndarray]:
        """Return name -> [T', M] over the lines that have it, with `NAME_step` [T'].

        Missing numbers are NaN.
        """
        return self._arrays(self._lines())

    def _arrays(self, lines: Iterable[tuple[bytes, dict | None]]) -> dict[str, Any]:
        found: dict[str, list] = {}
        for _, row in lines:
            if not self._is_ours(row):
                continue
            del row["training"]
            step, wide = row.pop("step"), row.pop(WIDE, ())
            for name, values in row.items():
                numbers = [math.nan if v is None else v for v in values]
                found.setdefault(name, []).append(
                    numbers if name in wide else np.float32(numbers).astype(float)
                )
                found.setdefault(f"{name}_step", []).append(step)
        return {name: np.asarray(values) for name, values in found.items()}


def _parse(line: bytes) -> dict | None:
    """Return the row of a whole line, None for one that is cut off or damaged."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    named = isinstance(row, dict) and isinstance(row.get("training"), str)
    return row if named and isinstance(row.get("step"), int) else None


def _values(values: np.ndarray, shown: np.ndarray) -> list[float | None]:
    finite = np.isfinite(values) & shown
    return [float(v) if ok else None for v, ok in zip(values, finite, strict=True)]


def _line(row: Mapping[str, Any]) -> bytes:
    """Return a row as its line."""
    head = {name: row[name] for name in ("training", "step")}
    texts, wide = [], []
    for name in filter(lambda name: name not in head, row):
        known = [v for v in row[name] if v is not None]
        with np.errstate(over="ignore"):
            narrow = np.asarray(known, np.float32)
        if narrow.tolist() == known:
            digits = map(str, narrow)
        else:
            wide.append(name)
            digits = map(repr, known)
        shown = ("null" if v is None else next(digits) for v in row[name])
        texts.append(f", {json.dumps(name)}: [{','.join(shown)}]")
    head |= {WIDE: wide} if wide else {}
    start = json.dumps(head)[:-1]
    return f"{start}{''.join(texts)}}}\n".encode()
