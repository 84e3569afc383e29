"""Tables of the page."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

import numpy as np

from lec7.report import claims, formats, markup

Cell = str | float | np.ndarray | None

SPREAD = "Mean ± standard deviation over seeds."

_SIGNS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?"}


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
    return _scrolling(made, table.note or "table")


def render_claims(
    decided: Sequence[claims.Claim], numbering: Mapping[str, int]
) -> Element:
    """Return the table of verdicts; `numbering` is name of a figure -> its number."""
    titles = ("verdict", "claim", "effect", "95 % interval", "seeds", "figure")
    header = (markup.tag("th", title, scope="col") for title in titles)
    table = markup.tag(
        "table",
        markup.tag("thead", markup.tag("tr", *header)),
        markup.tag("tbody", *(_claim(claim, numbering) for claim in decided)),
        class_="claims",
    )
    return _scrolling(table, "claims")


def _claim(claim: claims.Claim, numbering: Mapping[str, int]) -> Element:
    """Return the row of a claim; labels stand in for the header on a narrow page."""
    sign = f"{_SIGNS[claim.verdict]} {claim.verdict}"
    cells = {
        "verdict": [markup.tag("span", sign, class_=f"verdict {claim.verdict}")],
        "claim": [
            claim.statement,
            markup.tag("small", f"{claim.id}, {claim.source}"),
        ],
        "effect": [
            formats.format_number(claim.effect),
            markup.tag("small", claim.unit),
        ],
        "95 % interval": [formats.format_interval(claim.interval)],
        "seeds": [f"{claim.seeds}"],
        "figure": ["–"],
    }
    if claim.figure:
        number = f"{numbering[claim.figure]}"
        cells["figure"] = [markup.tag("a", number, href=f"#figure-{claim.figure}")]
    return markup.tag(
        "tr",
        *(
            markup.tag("td", *content, data_label=label)
            for label, content in cells.items()
        ),
        id=f"claim-{claim.id}",
    )


def _scrolling(table: Element, name: str) -> Element:
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
