"""The page of a run: one file, whole without a network and without JavaScript."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from lec7.report import (
    claims,
    exhibits,
    figures,
    files,
    formats,
    markup,
    replays,
    stylesheet,
    surfaces,
    tables,
)

# Nothing may be fetched: what the page shows is inside it.
_POLICY = (
    "default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
_VIEWPORT = "width=device-width, initial-scale=1"

Claims = Sequence[claims.Claim]
Figures = Sequence[figures.Figure]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page: prose, then a table, figures, and what a reader may move.

    Attributes:
      heading: its title.
      text: paragraphs apart by an empty line; what is between backticks is code.
      table: or None.
      figures: as saved.
      surface: a landscape that turns, as saved, or None.
      replay: trajectories that run, as saved, or None.
    """

    heading: str
    text: str = ""
    table: tables.Table | None = None
    figures: Figures = ()
    surface: surfaces.Surface | None = None
    replay: replays.Replay | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What an experiment has found.

    Attributes:
      title: of the page.
      question: that the experiment asks, in a sentence.
      summary: the answer, in a paragraph.
      claims: that were decided.
      sections: the evidence.
    """

    title: str
    question: str
    summary: str
    claims: Claims
    sections: Sequence[Section]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a run came about.

    Attributes:
      command: that repeats it.
      config: (field, value, meaning and unit) of every setting.
      environment: name -> version, device or state of the sources.
      seconds: phase -> how long it took.
    """

    command: str
    config: Sequence[tuple[str, object, str]]
    environment: Mapping[str, str]
    seconds: Mapping[str, float]


def write_report(folder: Path, report: Report, provenance: Provenance) -> Path:
    """Write `claims.json` and `report.html`.

    Args:
      folder: the run's folder, which holds the figures.
      report: what was found.
      provenance: how.

    Returns:
      The path of the page.

    Raises:
      ValueError: if two claims have one id, two figures one name, or a claim refers to
        a figure that no section shows.
    """
    folder = Path(folder)
    page = render_page(report, provenance)
    claims.write_claims(folder / "claims.json", report.claims)
    files.write_atomically(folder / "report.html", page.encode(errors="replace"))
    return folder / "report.html"


def render_page(report: Report, provenance: Provenance) -> str:
    """Compose the page.

    Args:
      report: what was found.
      provenance: how.

    Returns:
      The HTML, with its pictures inside.

    Raises:
      ValueError: if two figures have one name, or a claim refers to a figure that no
        section shows.
    """
    numbering = _number_figures(report)
    main = markup.tag(
        "main",
        markup.tag("h1", report.title),
        markup.tag("p", report.question, class_="question"),
        markup.tag("div", *markup.prose(report.summary), class_="answer"),
        markup.tag("h2", "Claims"),
        tables.render_claims(report.claims, numbering),
        *(_render_section(section, numbering) for section in report.sections),
        _render_provenance(provenance),
    )
    head = markup.tag(
        "head",
        markup.tag("meta", charset="utf-8"),
        markup.tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        markup.tag("meta", name="viewport", content=_VIEWPORT),
        markup.tag("title", report.title),
        markup.tag("style", stylesheet.STYLESHEET),
    )
    turning = any(section.surface for section in report.sections)
    running = any(section.replay for section in report.sections)
    body = markup.tag(
        "body",
        main,
        *(surfaces.scripts() if turning else ()),
        *(replays.scripts() if running else ()),
    )
    page = markup.serialise(markup.tag("html", head, body, lang="en"))
    return f"<!doctype html>\n{page}\n"


def _number_figures(report: Report) -> dict[str, int]:
    names = []
    for section in report.sections:
        names += [figure.name for figure in section.figures]
        for moving in (section.surface, section.replay):
            if moving:
                names.append(moving.figure.name)
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{count} figures have the name {name!r}; make it unique")
    for claim in report.claims:
        if claim.figure is not None and claim.figure not in names:
            raise ValueError(
                f"claim {claim.id} refers to the figure {claim.figure!r}; "
                f"the sections show {', '.join(names) or 'none'}"
            )
    return {name: number for number, name in enumerate(names, start=1)}


def _render_section(section: Section, numbering: Mapping[str, int]) -> Element:
    """Return a part of the page."""
    parts = markup.prose(section.text)
    if section.table:
        parts.append(tables.render_table(section.table))
    for figure in section.figures:
        parts.append(exhibits.render_figure(figure, numbering[figure.name]))
    if section.surface:
        number = numbering[section.surface.figure.name]
        parts.append(exhibits.render_surface(section.surface, number))
    if section.replay:
        number = numbering[section.replay.figure.name]
        parts.append(exhibits.render_replay(section.replay, number))
    return markup.tag("section", markup.tag("h2", section.heading), *parts)


def _render_provenance(provenance: Provenance) -> Element:
    """Return how the run came about."""
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
