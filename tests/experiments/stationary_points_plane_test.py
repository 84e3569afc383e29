import numpy as np
import pytest

from experiments import stationary_points_plane as plane
from lec7 import problems
from lec7.problems import valleys


@pytest.fixture(scope="module")
def himmelblau():
    return plane.stationary_points(np.array([valleys.HIMMELBLAU]))[0]


def test_saddles_are_one_fewer_than_minima_and_maxima():
    for found in plane.stationary_points(valleys.draw(range(5))):
        assert np.sum((-1) ** found.negative) == 1
        assert len(found.points) <= 9


def test_descents_on_a_valley_end_at_its_minima(himmelblau):
    starts = np.random.default_rng(0).uniform(-5, 5, (1, 32, 2))
    member = np.array([valleys.HIMMELBLAU])
    ends = plane.descend(member, starts, rate=0.005, steps=600)
    places = problems.nearest(ends[0], himmelblau.points, within=plane.REACHED)
    assert set(places.tolist()) == {0, 1, 2, 3}


def test_a_saddle_rises_one_way_and_drops_the_other(himmelblau):
    least = plane.rise_and_drop(np.array(valleys.HIMMELBLAU), himmelblau)
    saddles = himmelblau.eigenvalues[himmelblau.negative == 1]
    weakest = np.abs(saddles).min()
    exact = weakest * plane.ASIDE**2 / 2
    np.testing.assert_allclose(least, exact, rtol=1e-2)


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


@pytest.mark.parametrize(("kept", "verdict"), [(9, "supported"), (8, "contradicted")])
def test_a_function_of_which_a_point_is_missed_counts_against_newton(
    himmelblau, kept, verdict
):
    some = problems.Critical(*(leaf[:kept] for leaf in himmelblau))
    planes = plane.Planes((some,) * 100, np.zeros((100, 2), int), np.ones(100))
    assert plane.analysis_claim(planes).verdict == verdict
