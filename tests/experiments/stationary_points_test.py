"""Stationary points are those that analysis and the literature list."""

import jax
import numpy as np
import pytest
from numpy.polynomial import chebyshev

from experiments import stationary_points_line as line
from experiments import stationary_points_plane as plane
from lec7 import problems
from lec7.problems import polynomials, valleys

SEEDS = range(5)


@pytest.fixture(scope="module")
def himmelblau():
    return plane.stationary_points(np.array([valleys.HIMMELBLAU]))[0]


def test_himmelblau_has_four_minima_four_saddles_and_a_maximum(himmelblau):
    assert np.bincount(himmelblau.negative).tolist() == [4, 4, 1]


@pytest.mark.parametrize(
    ("point", "value", "eigenvalues"),
    [
        ((3.0, 2.0), 0.0, (25.716, 82.284)),
        ((-2.805118, 3.131313), 0.0, (64.84, 80.55)),
        ((-3.779310, -3.283186), 0.0, (70.71, 133.79)),
        ((3.584428, -1.848127), 0.0, (28.69, 105.42)),
        ((-0.270845, -0.923039), 181.6165, None),
        ((-3.07303, -0.08135), 104.015, None),
        ((0.08668, 2.88425), 67.719, None),
        ((3.38515, 0.07385), 13.312, None),
        ((-0.12796, -1.95371), 178.337, None),
    ],
)
def test_himmelblau_has_the_listed_points(himmelblau, point, value, eigenvalues):
    distances = np.linalg.norm(himmelblau.points - point, axis=1)
    place = distances.argmin()
    assert distances[place] < 1e-5
    np.testing.assert_allclose(himmelblau.values[place], value, atol=1e-3)
    if eigenvalues is not None:
        np.testing.assert_allclose(
            himmelblau.eigenvalues[place], eigenvalues, atol=6e-3
        )


def test_the_valley_with_11_and_7_is_himmelblaus():
    z = np.random.default_rng(0).normal(size=(2, 10))
    with jax.enable_x64():
        np.testing.assert_array_equal(
            valleys.height(np.array(valleys.HIMMELBLAU), z),
            problems.HIMMELBLAU.function(z),
        )


def test_saddles_are_one_fewer_than_minima_and_maxima():
    for found in plane.stationary_points(valleys.draw(SEEDS)):
        assert np.sum((-1) ** found.negative) == 1
        assert len(found.points) <= 9


def test_descents_on_a_valley_end_at_its_minima(himmelblau):
    starts = np.random.default_rng(0).uniform(-5, 5, (1, 32, 2))
    member = np.array([valleys.HIMMELBLAU])
    ends = plane.descend(member, starts, rate=0.005, steps=600)
    places = plane.reached(ends[0], himmelblau.points)
    assert set(places.tolist()) == {0, 1, 2, 3}


def test_a_saddle_rises_one_way_and_drops_the_other(himmelblau):
    least = plane.rise_and_drop(np.array(valleys.HIMMELBLAU), himmelblau)
    saddles = himmelblau.eigenvalues[himmelblau.negative == 1]
    weakest = np.abs(saddles).min()
    exact = weakest * plane.ASIDE**2 / 2
    np.testing.assert_allclose(least, exact, rtol=1e-2)


@pytest.mark.parametrize("degree", [3, 4, 7])
def test_a_chebyshev_polynomial_is_stationary_at_its_known_points(degree):
    found = polynomials.analyse(np.eye(degree + 1)[degree])
    exact = np.sort(np.cos(np.pi * np.arange(1, degree) / degree))
    np.testing.assert_allclose(found.points, exact, atol=1e-12)
    np.testing.assert_allclose(np.abs(found.values), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(found.curvatures > 0, found.values < 0)


def test_a_point_that_is_a_minimum_by_the_second_derivative_is_the_lowest_around():
    for seed in SEEDS:
        coefficients = polynomials.draw(seed)
        found = polynomials.analyse(coefficients)
        assert line.told_apart(coefficients, found)
        x = np.linspace(*found.span, 20_001)
        values = chebyshev.chebval(x, coefficients)
        np.testing.assert_allclose(found.lowest, x[values.argmin()], atol=1e-3)
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


@pytest.mark.parametrize(
    ("missed", "verdict"), [(0, "supported"), (60, "contradicted")]
)
def test_verdicts_on_starts_follow_where_descents_end(himmelblau, missed, verdict):
    reached = np.tile([0, 1], (100, 1))
    reached[:missed] = [4, 4]  # a saddle or the maximum, twice
    planes = plane.Planes((himmelblau,) * 100, reached, 1e-5 + np.arange(100.0))
    claims = {claim.id: claim.verdict for claim in plane.start_claims(planes)}
    assert claims["D04.minima"] == verdict
    assert claims["D04"] == ("supported" if not missed else "inconclusive")
    assert claims["D04.saddle"] == "supported"
