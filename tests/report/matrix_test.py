import csv
import dataclasses

import pytest

from lec7.report import claims, gallery, matrix

CLAIM = claims.Claim(
    id="L1",
    statement="Small < large, “always”.",
    source="lecture",
    verdict="supported",
    effect=0.5,
    interval=(0.25, 0.75),
    unit="nats",
    seeds=10,
)
LAW = dataclasses.replace(CLAIM, id="law", kind="identity", interval=None)


def told(column, *of, failure=None):
    return matrix.Told(
        experiment="one",
        question="Is it?",
        column=column,
        link=f"{column}/one/report.html",
        claims=of,
        failure=failure,
    )


@pytest.mark.parametrize(
    ("verdicts", "what"),
    [
        (["contradicted", "contradicted"], "contradicted on all"),
        (["supported", "contradicted", "inconclusive"], "depends on the data"),
        (["inconclusive", "supported", "untested"], "supported where decided"),
        (["inconclusive", "untested"], "undecided"),
    ],
)
def test_agreement(verdicts, what):
    assert matrix.agreement(verdicts) == what


def test_the_page_has_claims_by_data_sets_and_the_table_every_number(tmp_path):
    other = dataclasses.replace(CLAIM, verdict="contradicted")
    runs = [told("a", CLAIM, LAW), told("b", other, LAW), told("c", failure="no data")]
    path = gallery.write_gallery(tmp_path, "All", runs)
    page = path.read_text()
    assert "Small &lt; large" in page
    assert "1 claims: depends on the data" in page
    assert "0.500 (0.250 to 0.750)" in page
    assert "<small>no data</small>" in page
    assert 'href="b/one/report.html"' in page
    text = (tmp_path / "verdicts.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["column"] for row in rows] == ["a", "a", "b", "b"]
    assert (rows[0]["effect"], rows[0]["high"], rows[1]["low"]) == ("0.5", "0.75", "")
