"""The record of a training: one JSON line for every step, each step exactly once.

A line holds `training` (its name), `step` and, for each metric, a list over the
members, null where a member has stopped or a number is not finite. Evaluations stand in
the line of the step after which they were made. There are no clock times, so that equal
runs write equal bytes.
"""

import json
import math
import os
import pathlib
from collections.abc import Mapping

import numpy as np


class MetricsLog:
    """The lines of one training in a file that several trainings write in turn."""

    def __init__(self, path: pathlib.Path, training: str):
        """Open the log of `training` in the file at `path`."""
        self._path = path
        self._training = training

    def rewind(self, step: int) -> int:
        """Drop this training's lines from `step` on, and all after; count the rest.

        Args:
          step: first step to drop.

        Returns:
          Number of this training's lines that remain.
        """
        if not self._path.exists():
            return 0
        kept = size = 0
        with self._path.open("rb+") as file:
            for line in file:
                row = _parse(line)
                if row is None:
                    break
                if row["training"] == self._training:
                    if row["step"] >= step:
                        break
                    kept += 1
                size += len(line)
            file.truncate(size)
        return kept

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
        lines = []
        for i in range(count):
            row = {"training": self._training, "step": first_step + i}
            for name, values in metrics.items():
                row[name] = _values(values[i], active)
            if i == count - 1:
                row |= {name: _values(v, v == v) for name, v in measured.items()}
            lines.append(json.dumps(row, allow_nan=False) + "\n")
        with self._path.open("a") as file:
            file.writelines(lines)

    def sync(self) -> None:
        """Return when all lines are on the disk."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def read(self) -> dict[str, np.ndarray]:
        """Return name -> [T', M] over the lines that have it, with `NAME_step` [T'].

        Missing numbers are NaN.
        """
        found: dict[str, list] = {}
        for line in self._path.read_bytes().splitlines():
            row = json.loads(line)
            if row.pop("training") != self._training:
                continue
            step = row.pop("step")
            for name, values in row.items():
                found.setdefault(name, []).append(
                    [math.nan if v is None else v for v in values]
                )
                found.setdefault(f"{name}_step", []).append(step)
        return {name: np.asarray(values) for name, values in found.items()}


def _parse(line: bytes) -> dict | None:
    """Return the row of a whole line, None for one cut off by a kill."""
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


def _values(values: np.ndarray, shown: np.ndarray) -> list[float | None]:
    finite = np.isfinite(values) & shown
    return [float(v) if ok else None for v, ok in zip(values, finite, strict=True)]
