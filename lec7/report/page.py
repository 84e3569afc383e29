"""The page of a run: one file, whole without a network and without JavaScript."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import Element

from lec7 import files, signals
from lec7.report import (
    claims,
    exhibits,
    figures,
    formats,
    markup,
    players,
    tables,
    verdict_rows,
)

# Nothing may be fetched: what the page shows is inside it.
_POLICY = (
    "default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
_VIEWPORT = "width=device-width, initial-scale=1"

Claims = Sequence[claims.Claim]


class Drawn(Protocol):
    """A figure as a value, such as `Curves`: `save` draws and writes it."""

    name: str

    def save(self, folder: Path) -> figures.Figure:
        """Write figures/NAME.png, .svg, .npz and what else belongs to it."""


Part = str | tables.Table | Drawn


@dataclasses.dataclass(frozen=True, init=False)
class Section:
    """A part of the page: prose, tables and figures, in the order they are read.

    Attributes:
      heading: its title.
      parts: prose with an empty line between paragraphs and code between backticks, a
        `Table`, or a figure.
    """

    heading: str
    parts: tuple[Part, ...]

    def __init__(self, heading: str, *parts: Part | None):
        """Gather the parts, and leave out what is None or empty."""
        object.__setattr__(self, "heading", heading)
        object.__setattr__(self, "parts", tuple(part for part in parts if part))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What an experiment has found.

    Attributes:
      title: of the page.
      summary: the answer, in a paragraph.
      claims: that were decided.
      sections: the evidence.
    """

    title: str
    summary: str
    claims: Claims
    sections: Sequence[Section]

    def __post_init__(self):
        """Decide the claims together, unless they have been."""
        object.__setattr__(self, "claims", claims.family(self.claims))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a run came about.

    Attributes:
      question: that the experiment asks, in a sentence.
      command: that repeats it.
      config: (field, value, meaning and unit) of every setting.
      environment: name -> version, device or state of the sources.
      seconds: phase -> how long it took.
    """

    question: str
    command: str
    config: Sequence[tuple[str, object, str]]
    environment: Mapping[str, str]
    seconds: Mapping[str, float]


def write_report(folder: Path, report: Report, provenance: Provenance) -> Path:
    """Draw and write the figures, `claims.json` and `report.html`.

    Args:
      folder: the run's folder.
      report: what was found.
      provenance: how.

    Returns:
      The path of the page.

    Raises:
      ValueError: if two claims have one id, two figures one name, or a claim refers to
        a figure that no section shows.
    """
    folder = Path(folder)
    _require_figures(report)
    saved = []
    for drawing in _drawings(report):
        signals.check()
        saved.append(drawing.save(folder))
    page = render_page(report, provenance, saved)
    claims.write_claims(folder / "claims.json", report.claims)
    files.write(folder / "report.html", page.encode(errors="replace"))
    return folder / "report.html"


def render_page(
    report: Report, provenance: Provenance, saved: Sequence[figures.Figure]
) -> str:
    """Return the HTML of the page, with its saved pictures inside."""
    numbering = {figure.name: place for place, figure in enumerate(saved, start=1)}
    by_name = {figure.name: figure for figure in saved}
    main = markup.tag(
        "main",
        markup.tag("h1", report.title),
        markup.tag("p", provenance.question, class_="question"),
        markup.tag("div", *markup.prose(report.summary), class_="answer"),
        markup.tag("h2", "Claims"),
        markup.tag("p", *verdict_rows.counts(report.claims), class_="counts"),
        verdict_rows.render(report.claims, numbering),
        *(_render_section(part, numbering, by_name) for part in report.sections),
        _render_provenance(provenance),
    )
    scripts = players.scripts({figure.player for figure in saved})
    return render_document(report.title, main, *scripts)


def render_document(title: str, *body: Element) -> str:
    """Return the HTML of a page that fetches nothing."""
    head = markup.tag(
        "head",
        markup.tag("meta", charset="utf-8"),
        markup.tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        markup.tag("meta", name="viewport", content=_VIEWPORT),
        markup.tag("title", title),
        markup.tag("style", markup.asset("page.css")),
    )
    page = markup.tag("html", head, markup.tag("body", *body), lang="en")
    return f"<!doctype html>\n{markup.serialise(page)}\n"


def _drawings(report: Report) -> list[Drawn]:
    return [
        part
        for section in report.sections
        for part in section.parts
        if not isinstance(part, str | tables.Table)
    ]


def _require_figures(report: Report) -> None:
    names = [drawing.name for drawing in _drawings(report)]
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{count} figures have the name {name!r}; make it unique")
    for claim in report.claims:
        if claim.figure is not None and claim.figure not in names:
            raise ValueError(
                f"claim {claim.id} refers to the figure {claim.figure!r}; "
                f"the sections show {', '.join(names) or 'none'}"
            )


def _render_section(
    section: Section,
    numbering: Mapping[str, int],
    by_name: Mapping[str, figures.Figure],
) -> Element:
    elements = []
    for part in section.parts:
        if isinstance(part, str):
            elements += markup.prose(part)
        elif isinstance(part, tables.Table):
            elements.append(tables.render_table(part))
        else:
            name = part.name
            elements.append(exhibits.render_figure(by_name[name], numbering[name]))
    return markup.tag("section", markup.tag("h2", section.heading), *elements)


def _render_provenance(provenance: Provenance) -> Element:
    config = tables.Table(
        ("setting", "value", "meaning"),
        [(name, str(value), meaning) for name, value, meaning in provenance.config],
    )
    seconds = tables.Table(
        ("phase", "time"),
        [(name, formats.format_duration(s)) for name, s in provenance.seconds.items()],
    )
    made_with = tables.Table(("made with", ""), list(provenance.environment.items()))
    return markup.tag(
        "section",
        markup.tag("h2", "How it was run"),
        markup.tag("pre", provenance.command),
        tables.render_table(config),
        markup.tag(
            "div", *map(tables.render_table, (seconds, made_with)), class_="pair"
        ),
    )
