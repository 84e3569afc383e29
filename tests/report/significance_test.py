"""P-values that hold for many tests at once."""

import numpy as np

from lec7.report import significance


def test_holm_follows_its_steps():
    p_values = np.array([0.011, 0.04, 0.02, 0.005, 0.3])
    # From the smallest on: 5 * 0.005, 4 * 0.011, 3 * 0.02, 2 * 0.04, 1 * 0.3.
    expected = [0.044, 0.08, 0.06, 0.025, 0.3]
    np.testing.assert_allclose(significance.holm(p_values), expected)
    assert significance.holm([0.04, 0.03]) == [0.06, 0.06]  # never in another order
    assert significance.holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_level_is_that_at_which_holm_decides():
    # Of [0.04, 0.01, 0.5, 0.011] the second and the fourth are decided; two are left.
    levels = significance.holm_levels([0.04, 0.01, 0.5, 0.011])
    np.testing.assert_allclose(levels, [0.975, 0.9875, 0.975, 1 - 0.05 / 3])
    assert significance.holm_levels([]) == []
