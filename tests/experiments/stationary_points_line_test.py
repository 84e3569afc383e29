import numpy as np
import pytest

from experiments import stationary_points
from experiments import stationary_points_line as line
from lec7.problems import polynomials

SEEDS = range(5)
CONFIG = stationary_points.Config(seeds=(0,), each=100, starts=4)


def test_the_second_derivative_tells_what_is_lower_than_around():
    for seed in SEEDS:
        coefficients = polynomials.draw(seed)
        found = polynomials.analyse(coefficients)
        assert line.told_apart(coefficients, found)
        wrong = found._replace(curvatures=-found.curvatures)
        assert not line.told_apart(coefficients, wrong)


def test_descents_on_polynomials_end_where_analysis_finds_minima():
    lines = line.descend(SEEDS, 12, 5_000)
    assert lines.ends_in_minima.all()


def test_what_descents_have_found_is_counted():
    found = polynomials.analyse(np.array([0.0, 0.0, 0.0, -0.5, 1.0]))
    low, high = found.minima
    ends = np.array([[high, high, low]])
    lines = line.Lines(ends, ends, (found,))
    assert found.lowest == low
    assert not lines.found_all(2).item()
    assert lines.found_all(3).item()
    assert not lines.found_lowest(2).item()
    assert lines.found_lowest(3).item()


def made_up(ends):
    """Descents on 100 polynomials that have one form, all of which end alike."""
    found = polynomials.analyse(np.array([0.0, 0.0, 0.0, -0.5, 1.0]))
    low, high = found.minima
    places = {"low": low, "high": high, "top": found.points[1]}
    many = np.tile([places[end] for end in ends], (100, 1))
    return line.Lines(many, many, (found,) * 100)


@pytest.mark.parametrize(
    ("ends", "descent", "numerically", "first_is_lowest"),
    [
        (("high", "low", "low", "low"), "supported", "supported", False),
        (("low", "low", "low", "low"), "supported", "contradicted", True),
        (("high", "low", "low", "top"), "contradicted", "supported", False),
    ],
)
def test_verdicts_follow_where_descents_end(
    ends, descent, numerically, first_is_lowest
):
    claims = line.descent_claims(CONFIG, made_up(ends))
    decided = {claim.id: claim.verdict for claim in claims}
    assert decided["D01.descent"] == descent
    assert decided["D01.numerically"] == numerically
    never_first = "contradicted" if first_is_lowest else "supported"
    assert decided["D01.global"] == never_first
