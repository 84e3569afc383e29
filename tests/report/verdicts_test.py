import math

import pytest

from lec7.report import verdicts


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
