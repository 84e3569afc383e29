"""The numbers of a figure as a table that any program reads."""

import csv
import io
from collections.abc import Mapping

import numpy as np


def as_csv(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a column for each array, and for each row of one that has more axes.

    Args:
      arrays: name -> numbers or words, of any shape; six significant digits are kept.

    Returns:
      The text, columns of different length filled up with nothing.

    Example:
      >>> print(as_csv({"x": np.array([1, 2]), "y": np.array([[0.5, 1], [3, 4]])}))
      x,y [0],y [1]
      1,0.5,3
      2,1,4
      <BLANKLINE>
    """
    columns = {
        name + "".join(f" [{i}]" for i in place): array[place]
        for name, array in arrays.items()
        for place in np.ndindex(array.shape[:-1])
    }
    cells = [[*map(_cell, np.atleast_1d(column))] for column in columns.values()]
    longest = max(map(len, cells), default=0)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    for i in range(longest):
        rows.writerow([column[i] if i < len(column) else "" for column in cells])
    return text.getvalue()


def _cell(value: np.generic) -> str:
    return f"{value:.6g}" if np.issubdtype(value.dtype, np.floating) else str(value)
