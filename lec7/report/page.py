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
    slides,
    tables,
    verdict_rows,
    wording,
)

# Nothing may be fetched: what the page shows is inside it.
_POLICY = (
    "default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
_HOW = "How it was run"
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
      summary: a first paragraph of one sentence that answers the question, then what
        it rests on, in paragraphs as of a `Section`.
      claims: that were decided.
      sections: the evidence.
      deciding: name of the figure that shows the answer; that of the first empirical
        claim that has one unless given.
    """

    title: str
    summary: str
    claims: Claims
    sections: Sequence[Section]
    deciding: str | None = None

    def __post_init__(self):
        """Decide the claims together, unless they have been."""
        object.__setattr__(self, "claims", claims.family(self.claims))

    @property
    def decided_by(self) -> str | None:
        """The figure that stands at the top of the page, or None."""
        empirical = (c.figure for c in self.claims if c.kind == "empirical")
        drawn = (drawing.name for drawing in _drawings(self))
        candidates = (self.deciding, *empirical, *drawn)
        return next(filter(None, candidates), None)


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
    _write_slide(folder, report, provenance.question, saved)
    page = render_page(report, provenance, saved)
    claims.write_claims(folder / "claims.json", report.claims)
    files.write(folder / "report.html", page.encode(errors="replace"))
    return folder / "report.html"


def _write_slide(
    folder: Path, report: Report, question: str, saved: Sequence[figures.Figure]
) -> None:
    for figure in saved:
        if figure.name == report.decided_by:
            answer = report.summary.strip().partition("\n\n")[0]
            slide = slides.Slide(report.title, question, answer, figure.name)
            slides.write_slide(folder, slide, figure)


def render_page(
    report: Report, provenance: Provenance, saved: Sequence[figures.Figure]
) -> str:
    """Return the HTML of the page, with its saved pictures inside."""
    first = report.decided_by
    saved = sorted(saved, key=lambda figure: figure.name != first)
    numbering = {figure.name: place for place, figure in enumerate(saved, start=1)}
    shown = {figure.name: _exhibit(figure, numbering, report) for figure in saved}
    top = shown.pop(first, None)
    main = markup.tag(
        "main",
        markup.tag("h1", report.title),
        markup.tag("p", provenance.question, class_="question"),
        _render_answer(report, top),
        markup.tag(
            "section",
            markup.tag("h2", "Claims"),
            verdict_rows.render(report.claims, numbering),
            id="claims",
        ),
        *(
            _render_section(section, f"part-{place}", shown)
            for place, section in enumerate(report.sections, start=1)
        ),
        _render_provenance(provenance),
    )
    scripts = players.scripts({figure.player for figure in saved})
    return render_document(report.title, _contents(report), main, *scripts)


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
    names = [slides.NAME, *(drawing.name for drawing in _drawings(report))]
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{count} figures have the name {name!r}; make it unique")
    referring = {f"claim {claim.id}": claim.figure for claim in report.claims}
    for who, name in (referring | {"the report": report.deciding}).items():
        if name is not None and name not in names[1:]:
            raise ValueError(
                f"{who} refers to the figure {name!r}; "
                f"the sections show {', '.join(names[1:]) or 'none'}"
            )


def _exhibit(
    figure: figures.Figure, numbering: Mapping[str, int], report: Report
) -> Element:
    about = [claim for claim in report.claims if claim.figure == figure.name]
    return exhibits.render_figure(figure, numbering[figure.name], about)


def _contents(report: Report) -> Element:
    """Return links to the parts of the page."""
    parts = [(f"part-{i}", s.heading) for i, s in enumerate(report.sections, start=1)]
    links = [("answer", "Answer"), ("claims", "Claims"), *parts, ("run", _HOW)]
    items = (
        markup.tag("li", markup.tag("a", name, href=f"#{anchor}"))
        for anchor, name in links
    )
    return markup.tag(
        "nav", markup.tag("ol", *items), class_="contents", aria_label="contents"
    )


def _render_answer(report: Report, deciding: Element | None) -> Element:
    """Return the answer, the count of verdicts, and the figure that decides."""
    paragraphs = wording.prose(report.summary)
    if paragraphs:
        paragraphs[0].set("class", "answer")
    return markup.tag(
        "section",
        *paragraphs[:1],
        markup.tag("p", *verdict_rows.counts(report.claims), class_="counts"),
        *([] if deciding is None else [deciding]),
        *paragraphs[1:],
        id="answer",
    )


def _render_section(
    section: Section, anchor: str, shown: Mapping[str, Element]
) -> Element:
    """Return a section; a figure that stands at the top is referred to."""
    elements = []
    for part in section.parts:
        if isinstance(part, str):
            elements += wording.prose(part)
        elif isinstance(part, tables.Table):
            elements.append(tables.render_table(part))
        elif part.name in shown:
            elements.append(shown[part.name])
        else:
            link = markup.tag("a", "Figure 1", href=f"#figure-{part.name}")
            words = (link, ", at the top of the page, belongs here.")
            elements.append(markup.tag("p", *words, class_="note"))
    heading = markup.tag("h2", section.heading)
    return markup.tag("section", heading, *elements, id=anchor)


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
        markup.tag("h2", _HOW),
        markup.tag("pre", provenance.command),
        markup.tag(
            "details",
            markup.tag("summary", f"{len(provenance.config)} settings"),
            tables.render_table(config),
        ),
        markup.tag(
            "div", *map(tables.render_table, (seconds, made_with)), class_="pair"
        ),
        id="run",
    )
