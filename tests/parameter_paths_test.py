"""Patterns find what they say, and one that finds nothing says what is near."""

import pytest

from lec7 import transfer

TREE = {
    "Conv_0": {"kernel": 0.0},
    "classifier": {"Dense_0": {"kernel": 0.0}, "head": {"bias": 0.0, "kernel": 0.0}},
    "overhead": {"kernel": 0.0},
}


@pytest.mark.parametrize(
    ("pattern", "count"),
    [(transfer.HEAD, 2), ("kernel", 4), ("^Conv_", 1), ("^classifier/.*/kernel$", 2)],
)
def test_a_pattern_matches_where_it_is_found_in_a_path(pattern, count):
    assert transfer.count_parameters(TREE, pattern) == count


@pytest.mark.parametrize("pattern", [transfer.HEAD, "^Conv_", "kernel$", "C|bias"])
def test_all_but_a_pattern_is_its_complement(pattern):
    rest = transfer.all_but(pattern)
    whole = transfer.count_parameters(TREE)
    part = transfer.count_parameters(TREE, pattern)
    assert 0 < part < whole
    assert transfer.count_parameters(TREE, rest) == whole - part


def test_the_first_pattern_that_matches_decides():
    found = transfer.first_match(TREE, {"bias": "b", "classifier": "c", "": "rest"})
    assert found["classifier"]["head"] == {"bias": "b", "kernel": "c"}
    assert found["Conv_0"] == found["overhead"] == {"kernel": "rest"}


def test_a_pattern_that_matches_nothing_is_refused_with_the_nearest_paths():
    with pytest.raises(
        ValueError, match=r"'\^Conv_7/', which matches none of 5 .*Conv_0/ker"
    ):
        transfer.matches(TREE, "^Conv_7/")
    with pytest.raises(ValueError, match="'heads', which matches none"):
        transfer.first_match(TREE, {"heads": 1, "": 0})


def test_what_is_no_regular_expression_is_refused():
    with pytest.raises(ValueError, match=r"'head\('; expected a regular expression"):
        transfer.matches(TREE, "head(")


def test_a_leaf_that_no_pattern_matches_is_refused():
    with pytest.raises(ValueError, match="matches Conv_0/kernel; expected one for eve"):
        transfer.first_match(TREE, {transfer.HEAD: 1, "classifier": 0})
