"""Results as JSON, and as the table of docs/benchmarks.md."""

import datetime
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import case, machine, timing

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
HEADER = (
    "| work | against | times as fast (quartiles) | time of lec7 | note |\n"
    "|---|---|---|---|---|"
)


def record(
    row: case.Row,
    made: case.Case,
    rounds: timing.Rounds,
    *,
    wanted: int = 0,
    refusal: str | None,
) -> dict[str, Any]:
    """Return what is kept of a row.

    Args:
      row: the line of the table.
      made: what was measured.
      rounds: as measured.
      wanted: rounds; a row with fewer than half of them, or than three, is not quoted.
      refusal: why nothing that was measured now may be quoted.
    """
    kept = len(rounds.seconds.get(case.OURS, ()))
    least = min(wanted, max(3, (wanted + 1) // 2))
    if refusal is None and kept < least:
        refusal = f"{rounds.dropped} of {rounds.dropped + kept} rounds under other load"
    if refusal is None and rounds.foreign > machine.MOST_FOREIGN:
        refusal = f"others used up to {rounds.foreign:.0%} of the machine"
    found: dict[str, Any] = {
        "work": row.work,
        "note": ". ".join(filter(None, (made.note, row.note))),
        "unit": row.unit,
        "measured": datetime.date.today().isoformat(),
        "rounds": kept,
        "dropped": rounds.dropped,
        "foreign": round(rounds.foreign, 3),
        "not_quoted": refusal,
    }
    if kept:
        found["milliseconds"] = {
            name: 1e3 * timing.spread(seconds).median / made.count
            for name, seconds in rounds.seconds.items()
        }
        found["ratios"] = {
            name: timing.spread(values)._asdict()
            for name, values in timing.ratios(rounds, case.OURS)
        }
    return found


def table(rows: Mapping[str, Mapping[str, Any]], *, any_load: bool = False) -> str:
    """Return the rows as a Markdown table.

    Args:
      rows: name -> what `record` returned.
      any_load: whether what may not be quoted is shown, in brackets.
    """
    return "\n".join([HEADER, *(_lines(row, any_load) for row in rows.values())])


def _lines(row: Mapping[str, Any], any_load: bool) -> str:
    refusal = row["not_quoted"]
    hidden = refusal is not None and not (any_load and "ratios" in row)
    cells: list[tuple[str, str, str]] = []
    if hidden:
        peers = ", ".join(row.get("ratios", {})) or "-"
        cells.append((peers, f"not quoted: {refusal}", "-"))
    else:
        brackets = "{}" if refusal is None else "({})"
        time = _digits(row["milliseconds"][case.OURS])
        ours = brackets.format(f"{time} ms a {row['unit']}")
        for name, found in row["ratios"].items():
            low, high = _digits(found["low"]), _digits(found["high"])
            ratio = f"{_digits(found['median'])} ({low} to {high})"
            cells.append((name, brackets.format(ratio), ours))
        if not cells:
            cells.append(("-", "-", ours))
    first, *others = cells
    lines = [f"| {row['work']} | {' | '.join(first)} | {row['note']} |"]
    return "\n".join([*lines, *(f"| | {' | '.join(cell)} | |" for cell in others)])


def _digits(value: float) -> str:
    """Three significant digits without an exponent."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def told(results: Mapping[str, Any]) -> str:
    """Return the table, and a line on the machine and the versions."""
    about = results.get("machine", {})
    line = ", ".join(f"{name} {value}" for name, value in about.items())
    return f"{table(results['rows'])}\n\n{line}"


def merge(
    results: Mapping[str, Any],
    name: str,
    row: Mapping[str, Any],
    about: Mapping[str, Any],
    *,
    order: Sequence[str],
) -> dict[str, Any]:
    """Return results with a row anew, in the order of the table.

    Rows that were measured on another machine or with other versions go.
    """
    rows = results["rows"] if results.get("machine") == about else {}
    rows = {**rows, name: row}
    return {"machine": about, "rows": {key: rows[key] for key in order if key in rows}}


def write(path: pathlib.Path, results: Mapping[str, Any]) -> None:
    """Write results, one line an entry."""
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def read(path: pathlib.Path) -> dict[str, Any]:
    """Read results; none where there is no file.

    Raises:
      ValueError: the file is not of this form.
    """
    if not path.exists():
        return {"rows": {}}
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not isinstance(found.get("rows"), dict):
        raise ValueError(f"{path} has no rows; expected what --json has written")
    return found


def with_table(document: str, text: str) -> str:
    """Return a document with another table between its two marks.

    Raises:
      ValueError: it has not both marks once, in their order.
    """
    before, begin, rest = document.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not end or BEGIN in rest or END in after or END in before:
        raise ValueError(
            f"the document has not the marks {BEGIN} and {END} once each, in this "
            "order; expected them around the table"
        )
    del old
    return f"{before}{begin}\n{text}\n{end}{after}"
