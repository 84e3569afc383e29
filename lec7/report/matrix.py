"""The verdicts of many runs side by side: claims by data sets."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from lec7 import files
from lec7.report import claims, formats, markup, tables, verdict_rows

TABLE = "verdicts.csv"
_COLUMNS = (
    *("experiment", "claim", "statement", "kind", "column", "verdict"),
    *("effect", "low", "high", "unit", "seeds"),
)

Claims = Sequence[claims.Claim]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """A run of the series.

    Attributes:
      experiment: its name.
      question: that it asks.
      column: where it stands, the name of a data set.
      link: to its page.
      claims: that it decided; empty where it did not finish.
      failure: why it did not finish, or None.
    """

    experiment: str
    question: str
    column: str
    link: str
    claims: Claims = ()
    failure: str | None = None


def write_table(folder: Path, runs: Sequence[Told]) -> None:
    """Write `verdicts.csv`, with a line for each claim of each run."""
    files.write(folder / TABLE, _as_csv(runs).encode())


def agreement(verdicts: Sequence[str]) -> str:
    """Return what the verdicts on one claim come to, one for each data set.

    Example:
      >>> agreement(["supported", "supported"])
      'supported on all'
      >>> agreement(["supported", "inconclusive", "contradicted"])
      'depends on the data'
    """
    found = set(verdicts)
    if len(found) == 1:
        return f"{verdicts[0]} on all"
    if {"supported", "contradicted"} <= found:
        return "depends on the data"
    decided = found & {"supported", "contradicted"}
    return f"{decided.pop()} where decided" if decided else "undecided"


def _as_csv(runs: Sequence[Told]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for run in runs:
        for c in run.claims:
            low, high = c.interval or (None, None)
            told = run.experiment, c.id, c.statement, c.kind, run.column, c.verdict
            rows.writerow([*told, c.effect, low, high, c.unit, c.seeds])
    return text.getvalue()


def content(runs: Sequence[Told]) -> list[Element]:
    """Return how many claims have which verdict, and every claim by data sets."""
    columns = list(dict.fromkeys(run.column for run in runs))
    by_experiment: dict[str, dict[str, Told]] = {}
    for run in runs:
        by_experiment.setdefault(run.experiment, {})[run.column] = run
    parts = [_counts(by_experiment, columns)]
    if len(columns) > 1:
        parts += _agreements(by_experiment)
    for name, of in by_experiment.items():
        question = next(iter(of.values())).question
        parts.append(
            markup.tag(
                "details",
                markup.tag("summary", markup.tag("b", name), f" {question}"),
                _verdicts(of, columns),
                id=name,
                class_="fold",
            )
        )
    return parts


def _counts(
    by_experiment: Mapping[str, Mapping[str, Told]], columns: Sequence[str]
) -> Element:
    """Return experiments by data sets: how many claims have which verdict."""
    rows = [
        markup.tag(
            "tr",
            markup.tag("th", markup.tag("a", name, href=f"#{name}"), scope="row"),
            *(markup.tag("td", *_count(of.get(column))) for column in columns),
        )
        for name, of in by_experiment.items()
    ]
    return _table(("experiment", *columns), rows, "verdicts on empirical claims")


def _count(run: Told | None) -> list[Element | str]:
    if run is None:
        return ["–"]
    if run.failure is not None:
        return [markup.tag("small", run.failure)]
    whole = markup.tag("a", "report", href=run.link)
    return [*verdict_rows.counts(run.claims), " ", whole]


def _agreements(by_experiment: Mapping[str, Mapping[str, Told]]) -> list[Element]:
    """Return which claims come to the same on all data sets, and which do not."""
    found: dict[str, list[Element | str]] = {}
    for name, of in by_experiment.items():
        for id_, row in _by_claim(of).items():
            told = list(row.values())
            if len(told) > 1 and told[0].kind == "empirical":
                what = agreement([claim.verdict for claim in told])
                link = markup.tag("a", f"{name} {id_}", href=f"#{name}-{id_}")
                found.setdefault(what, []).append(
                    markup.tag("li", link, f": {told[0].statement}")
                )
    return [
        markup.tag(
            "details",
            markup.tag("summary", f"{len(items)} claims: {what}"),
            markup.tag("ul", *items),
        )
        for what, items in sorted(found.items(), key=lambda x: -len(x[1]))
    ]


def _by_claim(of: Mapping[str, Told]) -> dict[str, dict[str, claims.Claim]]:
    """Return id -> column -> claim, in the order in which the runs tell them."""
    rows: dict[str, dict[str, claims.Claim]] = {}
    for column, run in of.items():
        for claim in run.claims:
            rows.setdefault(claim.id, {})[column] = claim
    return rows


def _verdicts(of: Mapping[str, Told], columns: Sequence[str]) -> Element:
    rows = []
    for id_, row in _by_claim(of).items():
        claim = next(iter(row.values()))
        kind = () if claim.kind == "empirical" else (f", {claim.kind}",)
        name = next(iter(of.values())).experiment
        about = markup.tag("small", f"{id_}, {claim.source}", *kind)
        rows.append(
            markup.tag(
                "tr",
                markup.tag("th", claim.statement, about, scope="row"),
                *(markup.tag("td", *_cell(row.get(column))) for column in columns),
                id=f"{name}-{id_}",
            )
        )
    return _table(("claim", *columns), rows, "verdict and effect")


def _cell(claim: claims.Claim | None) -> list[Element | str]:
    if claim is None:
        return ["–"]
    badge = markup.tag("span", claim.verdict, class_=f"verdict {claim.verdict}")
    if claim.effect is None:
        return [badge]
    numbers = formats.format_number(claim.effect)
    if claim.interval is not None:
        numbers += f" ({formats.format_interval(claim.interval)})"
    return [badge, markup.tag("small", numbers)]


def _table(titles: Sequence[str], rows: Sequence[Element], caption: str) -> Element:
    header = markup.tag("tr", *(markup.tag("th", t, scope="col") for t in titles))
    whole = markup.tag(
        "table",
        markup.tag("caption", caption),
        markup.tag("thead", header),
        markup.tag("tbody", *rows),
    )
    return tables.scrolling(whole, caption)
