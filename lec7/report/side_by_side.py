"""Runs side by side: their claims, what differs between them, and their curves."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lec7 import files
from lec7.report import (
    claims,
    curves,
    exhibits,
    formats,
    markup,
    page,
    tables,
)

PAGE = "index.html"
_MOST = 12  # figures

Lines = Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """One of the runs.

    Attributes:
      name: that tells it from the others.
      link: to its page.
      claims: that it decided.
      settings: field of its configuration -> value.
      environment: on what it ran, name -> version, device or state of the sources.
      lines: (training, metric) -> (steps [T], values [T, M]).
    """

    name: str
    link: str
    claims: Sequence[claims.Claim]
    settings: Mapping[str, str]
    environment: Mapping[str, str]
    lines: Lines


def compare_claims(sides: Sequence[Side]) -> list[tuple[str, ...]]:
    """Return a header, and a row for each claim: the runs, and whether they differ.

    Of runs of different experiments only the claims that all have are told.
    """
    by_id = [{claim.id: claim for claim in side.claims} for side in sides]
    rows = [("claim", *(side.name for side in sides), "verdict")]
    for id in dict.fromkeys(id for side in by_id for id in side):
        told = [side.get(id) for side in by_id]
        verdicts = {claim.verdict for claim in told if claim}
        changed = "changed" if len(verdicts) > 1 else ""
        rows.append((id, *map(_told, told), changed))
    return rows


def compare_values(
    sides: Sequence[Side], what: str, of: str
) -> list[tuple[str, ...]] | None:
    """Return a header, and a row for each value that differs; None where none does.

    Args:
      sides: the runs.
      what: title of the first column.
      of: the attribute that has the values.
    """
    values = [getattr(side, of) for side in sides]
    names = dict.fromkeys(name for mapping in values for name in mapping)
    rows = [
        (name, *(mapping.get(name, "–") for mapping in values))
        for name in names
        if len({mapping.get(name) for mapping in values}) > 1
    ]
    return [(what, *(side.name for side in sides)), *rows] if rows else None


def write_side_by_side(folder: Path, sides: Sequence[Side]) -> Path:
    """Write `index.html` and figures.

    Args:
      folder: for them, which is made.
      sides: the runs, at least two.

    Returns:
      The path of the page.
    """
    statements = {claim.id: claim.statement for side in sides for claim in side.claims}
    header, *rows = compare_claims(sides)
    whole = [header, *((f"{id}: {statements[id]}", *row) for id, *row in rows)]
    parts = [
        markup.tag("h1", "Runs side by side"),
        markup.tag("ul", *(_link(side) for side in sides)),
        *_section("Claims", whole),
        markup.tag("p", "Intervals are at the level of the verdict.", class_="note"),
        *_section("Settings that differ", compare_values(sides, "field", "settings")),
        *_section(
            "Machines and versions that differ",
            compare_values(sides, "what", "environment"),
        ),
    ]
    drawings = _drawings(sides)
    for number, drawing in enumerate(drawings, start=1):
        saved = drawing.save(folder)
        parts.append(exhibits.render_figure(saved, number))
    main = markup.tag("main", *parts)
    files.write(folder / PAGE, page.render_document("Runs side by side", main).encode())
    return folder / PAGE


def _link(side: Side):
    return markup.tag("li", markup.tag("a", side.name, href=side.link))


def _section(heading: str, rows: Sequence[Sequence[str]] | None) -> list:
    if rows is None:
        return []
    table = tables.render_table(tables.Table(rows[0], rows[1:]))
    return [markup.tag("h2", heading), table]


def _told(claim: claims.Claim | None) -> str:
    if claim is None:
        return "–"
    if claim.effect is None:
        return claim.verdict
    decided = claim.corrected_interval or claim.interval  # what the verdict rests on
    interval = decided and f" ({formats.format_interval(decided)})"
    return f"{claim.verdict} {formats.format_number(claim.effect)}{interval or ''}"


def _drawings(sides: Sequence[Side]) -> list[curves.Curves]:
    """Return a figure for each metric of each training that several runs have."""
    shared = [
        key
        for key in dict.fromkeys(key for side in sides for key in side.lines)
        if sum(key in side.lines for side in sides) > 1
    ]
    return [
        curves.Curves(
            f"curve_{place}",
            {
                side.name: (steps, values.T)
                for side in sides
                if (training, metric) in side.lines
                for steps, values in [side.lines[training, metric]]
            },
            ("updates", f"{metric.replace('_', ' ')} (nats)"),
            log="y",
            caption=f"`{training}`.",
            band="Median over all networks of a training, those of different rates and "
            "seeds alike, in a band from the lowest to the highest.",
        )
        for place, (training, metric) in enumerate(shared[:_MOST], start=1)
    ]
