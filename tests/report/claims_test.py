import dataclasses
import json
import math

import numpy as np
import pytest

from lec7.report import claims

CLAIM = claims.Claim(
    id="L20",
    statement="Sharp minima generalise worse – than “flat” ones.",
    source="lecture, 0:32:05",
    verdict="supported",
    effect=0.8,
    interval=(0.2, 1.4),
    unit="points",
    seeds=5,
    figure="gap",
)


def changed(**fields):
    return dataclasses.replace(CLAIM, **fields)


def test_claims_survive_their_file(tmp_path):
    several = [CLAIM, changed(id="b", effect=None, interval=None, figure=None)]
    claims.write_claims(tmp_path / "claims.json", several)
    assert claims.read_claims(tmp_path / "claims.json") == several


def test_file_has_the_pinned_fields_in_order(tmp_path):
    claims.write_claims(tmp_path / "claims.json", [CLAIM])
    (row,) = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))
    assert list(row) == [
        *("id", "statement", "source", "verdict", "effect"),
        *("interval", "unit", "seeds", "figure"),
        *("above", "below", "kind", "ratio", "p", "corrected_p"),
        *("corrected_interval", "detectable", "chance", "why"),
    ]


@pytest.mark.parametrize("effect", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_file_is_strict_json(tmp_path, effect):
    claim = changed(effect=effect, interval=(-math.inf, np.float32(0.5)))
    claims.write_claims(tmp_path / "claims.json", [claim])
    text = (tmp_path / "claims.json").read_text(encoding="utf-8")
    (row,) = json.loads(text, parse_constant=pytest.fail)
    assert row["effect"] is None
    assert row["interval"] == [None, 0.5]
    (read,) = claims.read_claims(tmp_path / "claims.json")
    assert read.interval == (-math.inf, 0.5)


def test_equal_claims_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        claims.write_claims(tmp_path / name, [CLAIM, changed(id="other")])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": ""}, "id is empty"),
        ({"verdict": "true"}, "verdict is 'true'; expected one of supported"),
        ({"seeds": -1}, "seeds is -1"),
        ({"interval": (2.0, 1.0)}, r"interval is \(2.0, 1.0\)"),
        ({"interval": (math.nan, 1.0)}, "expected"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        changed(**fields)


def test_ids_are_unique_in_a_file(tmp_path):
    with pytest.raises(ValueError, match="2 claims have the id 'L20'"):
        claims.write_claims(tmp_path / "claims.json", [CLAIM, CLAIM])
    assert not (tmp_path / "claims.json").exists()


@pytest.mark.parametrize("text", ["{", "{}x", '[{"id": "L20"}]', "[1]", '{"a": 1}'])
def test_a_file_of_something_else_is_named_in_the_message(tmp_path, text):
    path = tmp_path / "claims.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"claims\.json is not a list of claims"):
        claims.read_claims(path)


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "claims.json"
    claims.write_claims(path, [CLAIM])
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        claims.write_claims(path, [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
