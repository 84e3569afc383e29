"""A headline says what the verdicts say, whatever they are."""

import dataclasses

import pytest

from lec7 import report

SAY = report.Claims(source="lecture, 0:01:00")
CLAIM = SAY.mean("share", "It is so.", "share", [-0.21, -0.24, -0.25], above=0)
WORDS = "rises by {}", "falls by {size}, {percent}", "is open"


def decided(id, verdict):
    return dataclasses.replace(CLAIM, id=id, verdict=verdict)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("supported", "rises by −0.233"),
        ("contradicted", "falls by 0.233, −23 %"),
        ("inconclusive", "is open"),
        ("untested", "is open"),
    ],
)
def test_the_words_are_those_of_the_verdict_with_its_effect(verdict, words):
    claims = [decided("other", "supported"), decided("it", verdict)]
    assert report.by_verdict(claims, "it", *WORDS) == words


def test_a_claim_without_an_effect_has_words_too():
    claim = dataclasses.replace(decided("it", "contradicted"), effect=None)
    assert report.by_verdict([claim], "it", *WORDS) == "falls by –, –"


def test_claims_of_one_verdict_are_named_together():
    verdicts = "supported", "untested", "contradicted", "supported", "inconclusive"
    claims = [decided(id, verdict) for id, verdict in zip("abcde", verdicts, strict=1)]
    names = {id: id.upper() for id in "abcde"}
    words = "up with {}", "down with {}", "open with {}"
    told = report.group_by_verdict(claims, names, *words)
    assert told == "up with A and D, down with C, but open with B and E"
    assert report.group_by_verdict(claims[:1], names, *words) == "up with A"
    assert report.group_by_verdict([], names, *words) == ""
