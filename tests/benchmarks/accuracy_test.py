"""The cheapest setting is the first whose true error is small enough."""

import numpy as np
import pytest

from benchmarks import accuracy

TRUTH = np.array([10.0, 1.0])


def estimate(setting):
    """Values with a relative error of the setting in the second component."""
    return TRUTH * (1.0, 1.0 + setting)


def test_the_first_setting_that_is_good_enough_is_taken():
    setting, error = accuracy.cheapest((1.0, 0.1, 0.01), estimate, TRUTH, most=0.2)
    assert setting == 0.1
    assert error == pytest.approx(0.1)


def test_the_error_is_the_root_of_the_mean_square_over_repeats():
    values = iter([1.03, 0.96])
    _, error = accuracy.cheapest((1,), lambda _: next(values), 1.0, most=1, repeats=2)
    assert error == pytest.approx(np.sqrt((0.03**2 + 0.04**2) / 2))


def test_settings_that_are_all_too_coarse_are_refused():
    with pytest.raises(ValueError, match=r"the error is 1.0e-01 at the setting 0.1"):
        accuracy.cheapest((1.0, 0.1), estimate, TRUTH, most=0.01)
