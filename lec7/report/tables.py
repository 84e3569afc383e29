"""Tables of the page."""

import dataclasses
import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from lec7.report import formats, markup

Cell = str | float | np.ndarray | None

SPREAD = "Mean ± standard deviation over seeds."


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows under a header; the first cell of a row names it.

    Attributes:
      header: a title for each column, with its unit.
      rows: as many cells a row. A number is written with the digits it is worth, one
        value a seed [M] as mean and standard deviation, None as a dash, a text as it
        stands.
      caption: what the rows are; of values a seed, `SPREAD` unless given.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    @property
    def note(self) -> str:
        """What stands above the table."""
        many = any(np.ndim(cell) for row in self.rows for cell in row)
        return self.caption or (SPREAD if many else "")

    def __post_init__(self):
        """Refuse ragged rows.

        Raises:
          ValueError: if a row has more or fewer cells than there are titles.
        """
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(
                    f"the row {list(row)} has {len(row)} cells; "
                    f"expected {len(self.header)}: {', '.join(self.header)}"
                )


def render_table(table: Table) -> Element:
    """Return a table, columns of numbers flush right, in a region that scrolls."""
    rows = [[_text(cell) for cell in row] for row in table.rows]
    kinds = [
        "number" if rows and all(_is_number(row[place]) for row in rows) else None
        for place in range(len(table.header))
    ]
    header = [
        markup.tag("th", title, scope="col", class_=kind)
        for title, kind in zip(table.header, kinds, strict=True)
    ]
    body = [
        markup.tag(
            "tr",
            markup.tag("th", row[0], scope="row", class_=kinds[0]),
            *map(_data, row[1:], kinds[1:]),
        )
        for row in rows
    ]
    caption = [markup.tag("caption", table.note)] if table.note else []
    made = markup.tag(
        "table",
        *caption,
        markup.tag("thead", markup.tag("tr", *header)),
        markup.tag("tbody", *body),
    )
    return scrolling(made, table.note or "table")


def scrolling(table: Element, name: str) -> Element:
    """Return the table in a region that scrolls sideways, by keyboard too."""
    return markup.tag(
        "div", table, class_="scroll", role="region", tabindex="0", aria_label=name
    )


def _data(text: str, kind: str | None) -> Element:
    """Return a cell."""
    return markup.tag("td", text, class_=kind)


def _text(cell: Cell) -> str:
    """Return what stands in a cell."""
    if isinstance(cell, str):
        return cell
    if np.ndim(cell):
        return formats.format_spread(cell)
    return formats.format_number(cell.item() if isinstance(cell, np.ndarray) else cell)


def _is_number(text: str) -> bool:
    """Return whether a text starts as a number, and is no list, or stands for none."""
    return re.match(r"([(−+±]?\d|–$|NaN$|[−]?∞$)(?!.*, )", text) is not None
