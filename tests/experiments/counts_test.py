"""Intervals of shares are exact, and claims about counts follow from them."""

import numpy as np
import pytest
from scipy.stats import binomtest

from experiments import _counts

LABELS = {"id": "L24", "statement": "It may stop.", "source": "", "unit": "share"}


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (1, 7), (42, 100), (9, 9)])
def test_the_interval_of_a_share_is_that_of_clopper_and_pearson(hits, trials):
    exact = binomtest(hits, trials).proportion_ci(method="exact")
    np.testing.assert_allclose(_counts.share_interval(hits, trials), exact, atol=1e-12)


@pytest.mark.parametrize(
    ("hits", "above", "verdict"),
    [
        (100 * [True], 0.95, "supported"),
        (10 * [True], 0.95, "inconclusive"),
        (100 * [False], 0.95, "contradicted"),
        (1 * [True] + 99 * [False], 0.0, "supported"),
        (100 * [False], 0.0, "inconclusive"),
    ],
)
def test_a_share_is_claimed_as_far_as_the_trials_bear_it(hits, above, verdict):
    claim = _counts.share_claim(hits, above=above, **LABELS)
    assert claim.verdict == verdict
    assert claim.effect == np.mean(hits)
    assert claim.seeds == len(hits)


def test_an_exact_number_is_its_own_interval():
    claim = _counts.exact_claim(1.0, above=0.999, below=1.001, **LABELS)
    assert (claim.verdict, claim.interval, claim.seeds) == ("supported", (1.0, 1.0), 1)
    assert _counts.exact_claim(2.0, below=1.5, **LABELS).verdict == "contradicted"


def test_shares_lie_between_the_ends_of_their_intervals():
    low, share, high = _counts.shares([[True, False, False], [True, True]])
    np.testing.assert_allclose(share, [1 / 3, 1])
    assert np.all((low <= share) & (share <= high))
