"""Many runs on one page: a card for each, and the claims in the lecture's order."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from lec7 import files
from lec7.report import claims, markup, matrix, page, slides, verdict_rows, wording

PAGE, DECK = "index.html", "slides.html"


def write_gallery(folder: Path, title: str, runs: Sequence[matrix.Told]) -> Path:
    """Write `index.html`, `slides.html` and `verdicts.csv`.

    Args:
      folder: that holds the runs.
      title: of the page.
      runs: in any order; those with a claim of the lecture are shown in its order, then
        the others.

    Returns:
      The path of the page.
    """
    folder = Path(folder)
    runs = sorted(runs, key=_first_claim)
    first = {run.experiment: run for run in reversed(runs)}
    shown = [run for run in runs if first[run.experiment] is run]
    matrix.write_table(folder, runs)
    main = markup.tag(
        "main",
        markup.tag("h1", title),
        markup.tag("p", *_counts(shown), class_="counts"),
        markup.tag("p", *_links(shown)),
        markup.tag("div", *(_card(folder, run) for run in shown), class_="cards"),
        *_lecture(shown),
        *matrix.content(runs),
        class_="wide",
    )
    files.write(folder / PAGE, page.render_document(title, main).encode())
    _write_deck(folder, title, shown)
    return folder / PAGE


def _first_claim(run: matrix.Told) -> tuple[str, str]:
    ids = (claim.id for claim in run.claims if re.match(r"L\d\d", claim.id))
    return min(ids, default="~"), run.experiment


def _home(folder: Path, run: matrix.Told) -> Path:
    return folder / Path(run.link).parent


def _counts(runs: Sequence[matrix.Told]) -> list[Element | str]:
    return verdict_rows.counts([claim for run in runs for claim in run.claims])


def _links(runs: Sequence[matrix.Told]) -> list[Element | str]:
    slides_, table = (
        markup.tag("a", name, href=address)
        for name, address in (("slides", DECK), ("table", matrix.TABLE))
    )
    return [f"{len(runs)} experiments; their ", slides_, "; all verdicts as a ", table]


def _card(folder: Path, run: matrix.Told) -> Element:
    """Return what leads to a run: its picture, question, answer and verdicts."""
    slide = slides.read_slide(_home(folder, run)) if run.failure is None else None
    title = slide.title if slide else run.experiment
    parts = [markup.tag("h2", markup.tag("a", title, href=run.link))]
    if slide:
        address = slides.thumbnail(_home(folder, run), slide)
        parts.insert(0, markup.tag("img", src=address, alt=slide.answer))
    parts.append(markup.tag("p", run.question, class_="question"))
    if run.failure is not None:
        parts.append(markup.tag("p", run.failure, class_="note"))
    return markup.tag("article", *parts, _bar(run.claims), class_="card")


def _bar(decided: Sequence[claims.Claim]) -> Element:
    """Return the verdicts as a bar whose parts are as long as they are many."""
    count = Counter(claim.verdict for claim in decided if claim.kind == "empirical")
    parts = (
        markup.tag("i", f"{count[name]}", class_=name, style=f"flex: {count[name]}")
        for name in claims.VERDICTS
        if count[name]
    )
    told = ", ".join(f"{count[name]} {name}" for name in claims.VERDICTS if count[name])
    return markup.tag("p", *parts, class_="bar", role="img", aria_label=told or "none")


def _lecture(runs: Sequence[matrix.Told]) -> list[Element]:
    """Return the claims of the lecture in its order, folded away."""
    found: Mapping[str, tuple[matrix.Told, claims.Claim]] = {
        claim.id: (run, claim)
        for run in runs
        for claim in run.claims
        if re.match(r"L\d\d", claim.id)
    }
    rows = [
        markup.tag(
            "tr",
            markup.tag("td", verdict_rows.badge(claim)),
            markup.tag(
                "td",
                markup.tag("a", claim.statement, href=f"{run.link}#claim-{id}"),
                markup.tag("small", f"{id}, ", *wording.cited(claim.source)),
            ),
            markup.tag("td", run.experiment),
        )
        for id, (run, claim) in sorted(found.items())
    ]
    if not rows:
        return []
    table = markup.tag("table", markup.tag("tbody", *rows))
    name = f"The lecture, claim by claim: {len(rows)} verdicts"
    return [markup.tag("details", markup.tag("summary", name), table, class_="fold")]


def _write_deck(folder: Path, title: str, runs: Sequence[matrix.Told]) -> None:
    homes = [_home(folder, run) for run in runs if run.failure is None]
    pictured = [home for home in homes if slides.read_slide(home)]
    body = markup.tag("div", *slides.deck(pictured), class_="deck")
    files.write(folder / DECK, page.render_document(title, body).encode())
