import math

import numpy as np
import pytest
from scipy import stats

from lec7.report import verdicts

LABELS = {"id": "L20", "statement": "a > b", "source": "0:32:05", "unit": "points"}


@pytest.mark.parametrize(
    ("interval", "ends", "expected"),
    [
        ((0.1, 0.4), {"above": 0}, "supported"),
        ((-0.4, -0.1), {"above": 0}, "contradicted"),
        ((-0.1, 0.4), {"above": 0}, "inconclusive"),
        ((0.0, 0.4), {"above": 0}, "inconclusive"),
        ((-0.4, 0.0), {"above": 0}, "inconclusive"),
        ((-0.4, -0.1), {"below": 0}, "supported"),
        ((0.1, 0.4), {"below": 0}, "contradicted"),
        ((-0.1, 0.1), {"above": -0.2, "below": 0.2}, "supported"),
        ((-0.1, 0.3), {"above": -0.2, "below": 0.2}, "inconclusive"),
        ((0.3, 0.4), {"above": -0.2, "below": 0.2}, "contradicted"),
        ((2.0, math.inf), {"above": 1}, "supported"),
        (None, {"above": 0}, "inconclusive"),
    ],
)
def test_verdict_compares_the_interval_with_the_claimed_range(interval, ends, expected):
    assert verdicts.verdict(interval, **ends) == expected


@pytest.mark.parametrize(
    "ends", [{}, {"above": 1, "below": 1}, {"above": 2, "below": 1}]
)
def test_a_claim_must_claim_something(ends):
    with pytest.raises(ValueError, match="the claimed range"):
        verdicts.verdict((0.0, 1.0), **ends)


def test_paired_claim_is_the_paired_t_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 0.1, 6), rng.normal(0.9, 0.1, 6)
    claim = verdicts.paired_claim(a, b, above=0, **LABELS)
    expected = stats.ttest_rel(a, b)
    assert claim.effect == pytest.approx(np.mean(a - b))
    assert claim.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (claim.verdict == "supported") == (expected.pvalue < 0.05)
    assert claim.seeds == 6


def test_pairing_removes_what_a_seed_does_to_both_sides():
    seed = np.array([0.0, 10.0, -5.0, 3.0])
    b = seed + np.array([0.0, 0.1, 0.0, -0.1])
    assert verdicts.paired_claim(seed + 1, b, above=0, **LABELS).verdict == "supported"


def test_swapping_the_sides_turns_support_into_contradiction():
    a, b = [1.0, 1.1, 1.3], [0.2, 0.1, 0.3]
    assert verdicts.paired_claim(a, b, above=0, **LABELS).verdict == "supported"
    assert verdicts.paired_claim(b, a, above=0, **LABELS).verdict == "contradicted"
    assert verdicts.paired_claim(b, a, below=0, **LABELS).verdict == "supported"


def test_ratio_claim_gives_effect_and_interval_as_ratios():
    a, b = np.array([205.0, 140.0, 260.0]), np.array([1.2, 0.5, 2.0])
    claim = verdicts.ratio_claim(a, b, above=1, **LABELS)
    logs = np.log(a / b)
    half = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert claim.effect == pytest.approx(np.exp(logs.mean()))
    assert claim.interval == pytest.approx(
        (np.exp(logs.mean() - half), np.exp(logs.mean() + half))
    )
    assert claim.verdict == "supported"


def test_ratio_of_swapped_sides_is_the_reciprocal():
    a, b = [3.0, 5.0, 2.0, 4.0], [1.0, 2.0, 1.5, 0.7]
    claim = verdicts.ratio_claim(a, b, above=1, **LABELS)
    swapped = verdicts.ratio_claim(b, a, below=1, **LABELS)
    assert swapped.effect == pytest.approx(1 / claim.effect)
    assert swapped.interval == pytest.approx(
        (1 / claim.interval[1], 1 / claim.interval[0])
    )
    assert swapped.verdict == claim.verdict == "supported"


def test_mean_claim_meets_its_threshold():
    values = [2.1, 1.9, 2.2]
    for above, expected in ((1, "supported"), (2, "inconclusive"), (3, "contradicted")):
        claim = verdicts.mean_claim(values, above=above, **LABELS)
        assert claim.verdict == expected
        assert claim.effect == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("a", "b", "effect"),
    [
        ([], [], None),
        ([1.0], [0.5], 0.5),
        ([1.0, np.nan], [0.5, 0.5], None),
        ([np.inf, np.inf], [np.inf, 0.5], None),
        ([1.0, 1.0, 1.0], [0.5, 0.5, 0.5], 0.5),
    ],
)
def test_degenerate_pairs_are_inconclusive_and_have_no_interval(a, b, effect):
    claim = verdicts.paired_claim(a, b, above=0, **LABELS)
    assert (claim.verdict, claim.interval) == ("inconclusive", None)
    assert claim.effect == effect
    assert claim.seeds == len(a)


@pytest.mark.parametrize("b", [[0.0, 1.0], [-1.0, 1.0], [np.nan, 1.0], [-1.0, -1.0]])
def test_a_ratio_of_what_is_not_positive_is_inconclusive(b):
    claim = verdicts.ratio_claim([-1.0, 2.0], b, above=1, **LABELS)
    assert (claim.verdict, claim.effect, claim.interval) == ("inconclusive", None, None)


@pytest.mark.parametrize("decide", [verdicts.paired_claim, verdicts.ratio_claim])
def test_pairs_must_match(decide):
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        decide([1.0, 2.0, 3.0], [1.0, 2.0], above=0.5, **LABELS)


def test_false_claims_are_seldom_decided():
    rng = np.random.default_rng(1)
    decided = 0
    for _ in range(2000):
        a, b = rng.normal(0, 1, (2, 5))
        claim = verdicts.paired_claim(a, b, above=0, **LABELS)
        decided += claim.verdict != "inconclusive"
    assert abs(decided / 2000 - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 2000)
