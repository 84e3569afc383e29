import base64
import dataclasses
import html.parser
import json
import re

import numpy as np
import pytest

from lec7.report import (
    claims,
    curves,
    landscapes,
    markup,
    page,
    surfaces,
    tables,
)

NASTY = '</script><script>alert(1)</script> & "quotes" <!-- \U0001f600 `a < b`'
VOID = {"meta", "img", "br", "hr", "link"}
PROVENANCE = page.Provenance(
    question="Does it?",
    command="python launch.py --experiment=x",
    config=[("seeds", 5, "runs of each group"), ("note", NASTY, NASTY)],
    environment={"jax": "0.10.2"},
    seconds={"train": 92.0},
)


class Outline(html.parser.HTMLParser):
    """What a browser makes of a page: tags, texts, and whether tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def report():
    steps = np.arange(5)
    x = np.linspace(-1, 1, 5)
    bowl = landscapes.Landscape(
        x=x, y=x, losses={NASTY: 0.1 + x[:, None] ** 2 + x**2}, x_label=NASTY
    )
    claim = claims.Claim(
        id="L20",
        statement=NASTY,
        source="lecture, 0:32:05",
        verdict="supported",
        effect=168.4,
        interval=(86.4, 326.2),
        unit="large / small",
        seeds=5,
        figure="relief",
    )
    unknown = dataclasses.replace(
        claim, id="b", verdict="inconclusive", effect=None, interval=None, figure=None
    )
    return page.Report(
        title=NASTY,
        summary="One.\n\nTwo.",
        claims=[claim, unknown],
        sections=[
            page.Section(
                "Curves",
                NASTY,
                tables.Table(("net", "value"), [(NASTY, 0.5), ("F2", np.nan)]),
                curves.Curves(
                    "curve", {"a": (steps, steps)}, ("step", "loss"), caption=NASTY
                ),
            ),
            page.Section("Relief", surfaces.Surface("relief", bowl, caption="Bowl.")),
        ],
    )


@pytest.fixture(scope="module")
def text(folder, report):
    return page.write_report(folder, report, PROVENANCE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(text):
    return Outline(text)


def test_page_is_well_formed(text, outline):
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert outline.open == []
    anchors = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))


def test_page_loads_nothing_from_outside(outline, text):
    sources = [
        attributes[key]
        for tag, attributes in outline.tags
        for key in ("src", "href", "srcset", "poster", "data", "action")
        if key in attributes and tag != "a"
    ]
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert not outline.all("link")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style


def test_page_forbids_requests_by_policy(outline):
    (policy,) = [
        attributes["content"]
        for attributes in outline.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert not {"connect-src", "font-src", "frame-src"} & set(rules)
    assert "eval" not in policy


def test_text_is_never_markup(outline, text):
    assert len(outline.all("script")) == 2
    assert "alert(1)</script>" not in text
    plain = NASTY.replace("`a < b`", "a < b")
    assert plain in "".join(outline.texts)
    assert outline.all("td")
    assert sum(NASTY in data for data in outline.texts) >= 4


def test_scripts_end_where_they_should(outline, text):
    kinds = [attributes["type"] for attributes in outline.all("script")]
    assert kinds == ["application/json", "module"]
    assert text.count("</script>") == 2


@pytest.mark.parametrize("ending", ["</script>", "</SCRIPT >", "<!--<script>"])
def test_a_script_keeps_its_strings(ending):
    made = markup.serialise(markup.script(f'["{ending}"]', kind="application/json"))
    (content,) = re.findall(r"^<script type=.*?>(.*)</script>$", made)
    assert json.loads(content) == [ending]
    assert not re.search(r"</?script|<!--", content, re.IGNORECASE)


def test_every_picture_is_inside_and_described(outline, folder):
    pictures = [figure["src"].split(",")[1] for figure in outline.all("img")]
    saved = folder / "figures"
    assert base64.b64decode(pictures[0]) == (saved / "relief.png").read_bytes()
    assert base64.b64decode(pictures[1]) == (saved / "curve.svg").read_bytes()
    assert [figure["alt"] for figure in outline.all("img")] == ["Bowl.", NASTY]


def test_every_link_leads_somewhere(outline):
    anchors = {attributes.get("id") for _, attributes in outline.tags}
    links = [attributes["href"] for attributes in outline.all("a")]
    assert {"#figure-relief", "#claim-L20", "#part-1", "#run"} <= set(links)
    for link in links:
        inside = link.startswith(("data:text/csv", "https://www.youtube.com/"))
        assert inside or link[1:] in anchors


def test_the_page_opens_with_its_answer_and_the_figure_that_decides(report, outline):
    order = [a.get("id") or a.get("class") for _, a in outline.tags]
    first = [order.index(x) for x in ("answer", "figure-relief", "claims", "part-1")]
    assert first == sorted(first)
    assert report.decided_by == "relief"
    chosen = dataclasses.replace(report, deciding="curve")
    assert chosen.decided_by == "curve"


def test_a_figure_carries_its_claims_and_verdicts(text):
    figure = text[text.index('id="figure-relief"') :].partition("</figure>")[0]
    assert "✓ supported" in figure
    assert 'href="#claim-L20"' in figure


def test_claims_of_one_number_fold_into_a_family(tmp_path, report):
    one = report.claims[0]
    many = [
        dataclasses.replace(one, id=f"L20.{x}", verdict="contradicted") for x in "ab"
    ]
    told = dataclasses.replace(report, claims=[one, *many, report.claims[1]])
    text = page.write_report(tmp_path, told, PROVENANCE).read_text(encoding="utf-8")
    outline = Outline(text)
    kinds = [attributes.get("class") for attributes in outline.all("details")]
    assert kinds.count("family") == 2
    assert "and 2 more: " in outline.texts


def test_the_page_carries_the_numbers_of_its_figures(outline):
    links = {a["download"]: a["href"] for a in outline.all("a") if "download" in a}
    table = base64.b64decode(links["curve.csv"].split(",")[1]).decode()
    assert table.splitlines() == [
        '"a, step","a, loss"',
        *(f"{i},{i}" for i in range(5)),
    ]


def test_a_figure_to_decide_by_that_is_not_shown_is_refused(tmp_path, report):
    lost = dataclasses.replace(report, deciding="nowhere")
    with pytest.raises(ValueError, match="the report refers to the figure 'nowhere'"):
        page.write_report(tmp_path, lost, PROVENANCE)


def test_a_claim_shows_verdict_effect_interval_and_where_to_look(outline):
    shown = "".join(outline.texts)
    for part in ("✓ supported", "168", "86.4 to 326", "large / small", "L20, lecture"):
        assert part in shown
    assert "? inconclusive" in shown


def test_how_it_was_run_is_told(outline):
    shown = "".join(outline.texts)
    for part in (PROVENANCE.command, "runs of each group", "0.10.2", "1 min 32 s"):
        assert part in shown


def test_equal_reports_give_equal_pages(folder, report, text):
    claims_before = (folder / "claims.json").read_bytes()
    again = page.write_report(folder, report, PROVENANCE)
    assert again.read_text(encoding="utf-8") == text
    assert (folder / "claims.json").read_bytes() == claims_before


def test_a_page_without_a_landscape_has_no_script(report, tmp_path):
    still = dataclasses.replace(report, sections=report.sections[:1], claims=[])
    written = page.write_report(tmp_path, still, PROVENANCE)
    assert not Outline(written.read_text(encoding="utf-8")).all("script")


def test_a_claim_about_a_figure_that_is_not_shown_is_refused(tmp_path, report):
    lost = dataclasses.replace(report, sections=report.sections[:1])
    with pytest.raises(ValueError, match="L20 refers to the figure 'relief'.*curve"):
        page.write_report(tmp_path, lost, PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_two_figures_of_one_name_are_refused(report, tmp_path):
    twice = dataclasses.replace(report, sections=[*report.sections, report.sections[0]])
    with pytest.raises(ValueError, match="2 figures have the name 'curve'"):
        page.write_report(tmp_path, twice, PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_a_figure_cannot_take_the_name_of_the_slide(report, tmp_path):
    drawn = dataclasses.replace(report.sections[0].parts[-1], name="slide")
    taken = dataclasses.replace(report, claims=[], sections=[page.Section("A", drawn)])
    with pytest.raises(ValueError, match="2 figures have the name 'slide'"):
        page.write_report(tmp_path, taken, PROVENANCE)


def test_columns_of_numbers_are_flush_right():
    table = tables.Table(
        ("net", "value", "spread", "note"),
        [("F1", 0.5, "1.2 ± 0.3", "3 runs"), ("F2", None, "–", "none")],
    )
    outline = Outline(markup.serialise(tables.render_table(table)))
    kinds = [attributes.get("class") for attributes in outline.all("td")]
    assert kinds == ["number", "number", None] * 2
    assert "0.500" in outline.texts


def test_a_list_of_settings_is_no_number():
    table = tables.Table(("choice", "loss"), [("16 units, rate 0.1", 0.5)])
    outline = Outline(markup.serialise(tables.render_table(table)))
    kinds = [attributes.get("class") for attributes in outline.all("th")]
    assert kinds == [None, "number", None]


def test_ragged_rows_are_refused():
    with pytest.raises(ValueError, match="3 cells; expected 2: net, value"):
        tables.Table(("net", "value"), [("F1", 1.0, 2.0)])
