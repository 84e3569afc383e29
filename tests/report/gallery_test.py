import base64
import dataclasses
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import PIL.Image
import pytest

from lec7.report import claims, curves, gallery, matrix, page, slides, vocabulary

STEPS = np.arange(5.0)


def run_of(root, name, id, verdict):
    """Return a run that is written and told."""
    say = vocabulary.Claims(source="lecture, 0:32:05", figure="loss")
    values = np.array([1.0, 1.1, 0.9]) * (1 if verdict == "supported" else -1)
    claim = say.mean(id, f"{name} pays.", "nats", values, above=0)
    assert claim.verdict == verdict
    report = page.Report(
        title=name.title(),
        summary=f"It does, says `{name}`, 1 < 2.\n\nMore.",
        claims=[claim],
        sections=[
            page.Section(
                "Curves",
                curves.Curves("loss", {"a": (STEPS, STEPS)}, ("x", "y"), caption="A."),
            )
        ],
    )
    how = page.Provenance(
        question="Does it pay?", command="", config=[], environment={}, seconds={}
    )
    page.write_report(root / name, report, how)
    decided = claims.read_claims(root / name / "claims.json")
    return matrix.Told(
        experiment=name,
        question=how.question,
        column="verdicts",
        link=f"{name}/report.html",
        claims=decided,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("all")
    runs = [
        run_of(root, "zeta", "L45", "supported"),
        run_of(root, "alpha", "L50.x", "contradicted"),
        run_of(root, "beta", "other", "supported"),
    ]
    lost = dataclasses.replace(runs[0], experiment="lost", failure="no <data>")
    lost = dataclasses.replace(lost, claims=(), link="lost/report.html")
    gallery.write_gallery(root, "All", [*runs[::-1], lost])
    return root


def test_cards_stand_in_the_order_of_the_lecture(root):
    text = (root / "index.html").read_text()
    cards = re.findall(r'<article class="card">.*?</article>', text, re.DOTALL)
    links = [re.search(r'href="(.*?)/report.html"', card)[1] for card in cards]
    assert links == ["zeta", "alpha", "beta", "lost"]
    assert [card.count("<img") for card in cards] == [1, 1, 1, 0]
    assert "no &lt;data&gt;" in cards[3]
    assert 'aria-label="1 contradicted"' in cards[1]


def test_claims_of_the_lecture_are_told_in_its_order(root):
    text = (root / "index.html").read_text()
    assert "The lecture, claim by claim: 2 verdicts" in text
    first, second = (text.index(f"#claim-{id}") for id in ("L45", "L50.x"))
    assert first < second


def test_the_deck_has_a_slide_for_each_run_that_has_one(root):
    text = (root / "slides.html").read_text()
    assert text.count('class="slide"') == 3
    assert "It does, says `zeta`" in text


def test_a_slide_is_16_by_9_and_has_answer_question_and_picture(root):
    figures = root / "zeta" / "figures"
    with PIL.Image.open(figures / "slide.png") as picture:
        assert picture.size == (1600, 900)
    drawn = ElementTree.fromstring((figures / "slide.svg").read_text())
    assert drawn.get("viewBox") == "0 0 1600 900"
    words = " ".join(drawn.itertext())
    assert "It does, says zeta, 1 < 2." in words
    assert "Does it pay?" in words
    assert 'href="data:image/svg+xml' in (figures / "slide.svg").read_text()


def test_a_thumbnail_is_small_and_as_wide_as_asked(root):
    slide = slides.read_slide(root / "zeta")
    address = slides.thumbnail(root / "zeta", slide, width=200)
    content = base64.b64decode(address.partition(",")[2])
    with PIL.Image.open(io.BytesIO(content)) as picture:
        assert picture.width == 200
    assert len(content) < 20_000


def test_a_run_without_figures_has_no_slide(tmp_path):
    assert slides.read_slide(tmp_path) is None
