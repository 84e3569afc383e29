"""Tables for a terminal: rows in columns that are together no wider than it."""

import shutil
import textwrap
from collections.abc import Sequence

_WIDTH = 100  # where there is no terminal


def terminal_width() -> int:
    """Return how many characters a line has, `COLUMNS` where that is set."""
    return shutil.get_terminal_size((_WIDTH, 24)).columns


def table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Return rows in columns; the widest columns are wrapped to fit.

    Args:
      rows: of cells, the first the header. The first column is never wrapped.
      width: of all columns together, in characters.

    Example:
      >>> print(table([("name", "meaning"), ("rate", "step size of updates")], 20))
      name  meaning
      rate  step size of
            updates
    """
    columns = [*zip(*rows, strict=True)]
    widths = [max([1, *map(len, column)]) for column in columns]
    whole = [_longest_word(column) for column in columns]
    for least in (whole, [_longest_word(column[:1]) for column in columns]):
        _shrink(widths, [widths[0], *least[1:]], width)
    return "\n".join(line for row in rows for line in _lines(row, widths))


def _longest_word(cells: Sequence[str]) -> int:
    return max([1, *(len(word) for cell in cells for word in cell.split())])


def _shrink(widths: list[int], least: Sequence[int], width: int) -> None:
    """Take from the widest column that can spare it until all fit, or none can."""
    while sum(widths) + 2 * (len(widths) - 1) > width:
        spare = [w if w > need else 0 for w, need in zip(widths, least, strict=True)]
        if not any(spare):
            return
        widths[spare.index(max(spare))] -= 1


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
