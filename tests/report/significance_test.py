"""P-values of one test and of many."""

import numpy as np
from scipy import stats

from lec7 import report


def test_holm_follows_its_steps():
    p_values = np.array([0.011, 0.04, 0.02, 0.005, 0.3])
    # From the smallest on: 5 * 0.005, 4 * 0.011, 3 * 0.02, 2 * 0.04, 1 * 0.3.
    expected = [0.044, 0.08, 0.06, 0.025, 0.3]
    np.testing.assert_allclose(report.holm(p_values), expected)
    assert report.holm([0.04, 0.03]) == [0.06, 0.06]  # never in another order
    assert report.holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_p_value_is_that_of_the_paired_t_test():
    a, b = np.random.default_rng(0).normal(size=(2, 7)) + [[0.6], [0]]
    found = report.paired_p_value(a - b)
    np.testing.assert_allclose(found, stats.ttest_rel(a, b).pvalue)
    assert report.paired_p_value(np.zeros(3)) == 1
    assert report.paired_p_value(np.full(3, 2.0)) == 0
