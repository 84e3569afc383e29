"""The lines of `metrics.jsonl`, as they were written."""

import json
import pathlib
from collections.abc import Collection, Iterator
from typing import Any

Curve = tuple[Any, Any]

FILE = "metrics.jsonl"
_HEAD = ("training", "step", "float64")
_POINTS = 400  # of a curve


def read(folder: pathlib.Path) -> Iterator[tuple[str, int, dict[str, list]]]:
    """Yield training, step, and metric -> a value of each member, of every line.

    Args:
      folder: of a run; one that has trained nothing has no lines.
    """
    path = folder / FILE
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            metrics = {name: row[name] for name in row if name not in _HEAD}
            yield row["training"], row["step"], metrics


def curves(
    folder: pathlib.Path, metrics: Collection[str]
) -> dict[tuple[str, str], Curve]:
    """Return (training, metric) -> (steps [T], values [T, M]), some hundred of them."""
    found: dict[tuple[str, str], tuple[list, list]] = {}
    for training, step, row in read(folder):
        for name in metrics:
            if name in row:
                steps, values = found.setdefault((training, name), ([], []))
                steps.append(step + 1)
                values.append(row[name])
    return {key: _thinned(*of) for key, of in found.items()}


def _thinned(steps: list[int], values: list[Any]) -> Curve:
    import numpy as np

    every = slice(None, None, -(-len(steps) // _POINTS))
    return np.asarray(steps[every]), np.asarray(values[every], float)
