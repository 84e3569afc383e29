import math

import numpy as np
import pytest
from scipy import stats

from lec7.report import intervals


def test_interval_of_three_values_is_the_textbook_one():
    # Student's t with two degrees of freedom has a quantile in closed form.
    t = 0.95 / math.sqrt(2 * 0.975 * 0.025)
    low, high = intervals.mean_interval([1.0, 2.0, 3.0])
    assert low == pytest.approx(2 - t / math.sqrt(3), abs=1e-12)
    assert high == pytest.approx(2 + t / math.sqrt(3), abs=1e-12)


@pytest.mark.parametrize("count", [2, 5, 30])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_interval_agrees_with_scipy(count, confidence):
    values = np.random.default_rng(count).normal(3, 2, count)
    expected = stats.t.interval(
        confidence, count - 1, loc=values.mean(), scale=stats.sem(values)
    )
    assert intervals.mean_interval(values, confidence=confidence) == pytest.approx(
        expected, rel=1e-12
    )


def test_interval_covers_the_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1.7, 0.4, (4000, 5))
    covered = np.mean(
        [low < 1.7 < high for low, high in map(intervals.mean_interval, draws)]
    )
    sigma = math.sqrt(0.95 * 0.05 / 4000)
    assert abs(covered - 0.95) < 4 * sigma


def test_geometric_interval_is_the_exponential_of_that_of_the_logarithms():
    values = np.array([0.5, 2.0, 7.0, 40.0])
    assert intervals.geometric_interval(values) == pytest.approx(
        tuple(np.exp(intervals.mean_interval(np.log(values))))
    )


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e9])
def test_geometric_interval_scales_with_its_values(factor):
    values = np.array([0.5, 2.0, 7.0])
    low, high = intervals.geometric_interval(values)
    assert intervals.geometric_interval(factor * values) == pytest.approx(
        (factor * low, factor * high)
    )


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0, np.nan], [1.0, np.inf, 2.0], [0.3 - 0.1] * 3, [0.0] * 4]
)
def test_there_is_no_interval_without_spread_or_with_unknown_values(values):
    assert intervals.mean_interval(values) is None


def test_rounding_is_no_spread():
    assert intervals.mean_interval([0.1 + 0.2, 0.3, 0.3]) is None


@pytest.mark.parametrize("values", [[1.0, 0.0], [1.0, -2.0], [1.0, np.nan]])
def test_there_is_no_geometric_interval_of_what_has_no_logarithm(values):
    assert intervals.geometric_interval(values) is None


def test_geometric_interval_of_an_enormous_spread_overflows_to_infinity():
    low, high = intervals.geometric_interval([1e-200, 1e200])
    assert (low, high) == (0.0, math.inf)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_is_a_probability(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        intervals.mean_interval([1.0, 2.0], confidence=confidence)


def test_values_are_one_row():
    with pytest.raises(ValueError, match="one value a seed"):
        intervals.mean_interval(np.ones((2, 2)))


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (1, 7), (42, 100), (9, 9)])
def test_the_interval_of_a_share_is_that_of_clopper_and_pearson(hits, trials):
    exact = stats.binomtest(hits, trials).proportion_ci(method="exact")
    np.testing.assert_allclose(
        intervals.share_interval(hits, trials), exact, atol=1e-12
    )


def test_shares_lie_between_the_ends_of_their_intervals():
    low, share, high = intervals.shares([[True, False, False], [True, True]])
    np.testing.assert_allclose(share, [1 / 3, 1])
    assert np.all((low <= share) & (share <= high))
