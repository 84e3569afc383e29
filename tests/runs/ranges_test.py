"""A value out of range is refused by name."""

import types

import pytest

from lec7 import runs

CONFIG = types.SimpleNamespace(rate=0.5, none=0.0, unknown=float("nan"), count=3)


@pytest.mark.parametrize("seeds", [(), (1,), (1, 1), (0, -1)])
def test_seeds_must_be_two_or_more_different_ones(seeds):
    with pytest.raises(ValueError, match="expected two or more different ones"):
        runs.require_seeds(seeds)


@pytest.mark.parametrize("name", ["none", "unknown"])
def test_a_field_must_be_above_zero(name):
    runs.require_positive(CONFIG, "rate", "count")
    with pytest.raises(ValueError, match=f"{name} is .*; expected more than 0"):
        runs.require_positive(CONFIG, "rate", name)


def test_a_field_must_not_be_too_small():
    runs.require_at_least(CONFIG, 3, "count")
    with pytest.raises(ValueError, match="count is 3; expected at least 4"):
        runs.require_at_least(CONFIG, 4, "count")
