import math

import numpy as np
import pytest

from lec7.report import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (5, "5"),
        (np.int64(-1797), "−1,797"),
        (True, "yes"),
        (np.False_, "no"),
        (999.9, "1,000"),
        (98.03, "98.0"),
        (np.float32(0.1), "0.100"),
        (0.0009996, "0.00100"),
        (0.0005, "5.00×10⁻⁴"),
        (999999.9, "1.00×10⁶"),
        (-1.2e-5, "−1.20×10⁻⁵"),
        (math.nan, "NaN"),
        (-math.inf, "−∞"),
        (None, "–"),
    ],
)
def test_numbers_have_the_digits_they_are_worth(value, text):
    assert formats.format_number(value) == text


def test_digits_can_be_asked_for():
    assert formats.format_number(98.034, digits=4) == "98.03"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([136, 205, 274], "205 ± 69"),
        ([0.4, 1.23, 2.06], "1.23 ± 0.83"),
        ([1.0, 1.0], "1.00 ± 0"),
        ([0.6, 0.6 - 1e-16, 0.6 - 1e-16], "0.600 ± 0"),
        ([5.0], "5.00"),
        ([], "–"),
        ([1.0, math.inf], "NaN"),
        ([-2e7, 3e7], "(0.5 ± 3.5)×10⁷"),
    ],
)
def test_spread_has_two_digits_and_the_mean_goes_no_further(values, text):
    assert formats.format_spread(values) == text


def test_interval_may_be_open_or_unknown():
    assert formats.format_interval((0.5, math.inf)) == "0.500 to ∞"
    assert formats.format_interval(None) == "–"


@pytest.mark.parametrize("value", [1e-9, 0.002, 0.05, 1.5, 7, 20, 3000, 2.3016, 5e7])
def test_a_tick_says_its_value_in_full(value):
    text = formats.format_tick(value).replace(",", "")
    power = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    text = text.replace("×10", "e").translate(power)
    if text.startswith("10-"):
        text = f"1e{text[2:]}"
    assert float(text) == pytest.approx(value)
