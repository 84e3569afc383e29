import numpy as np
import pytest

from lec7 import problems


def path_of(x, y=None):
    """A path through given coordinates [N, T + 1]."""
    x = np.asarray(x, float)
    y = np.zeros_like(x) if y is None else np.asarray(y, float)
    return problems.Path(np.stack([x, y], axis=2), x**2 + y**2, {})


def test_overshoot_is_the_farthest_point_behind_the_minimum():
    paths = path_of([[-4, -1, 1, 2, 0], [8, 6, 4, 2, 1]])
    np.testing.assert_array_equal(problems.overshoot(paths), [0.5, 0])
    np.testing.assert_array_equal(problems.updates_to_cross(paths), [2, 4])
    np.testing.assert_array_equal(problems.updates_to_halve(paths), [1, 2])
    np.testing.assert_array_equal(problems.left_to_go(paths), [0, 0.125])


def test_ways_are_added_up_back_and_forth():
    paths = path_of([[0, 1, 2, 1]], [[2, -2, 1, 0]])
    np.testing.assert_array_equal(problems.travelled(paths), [[3], [8]])
    np.testing.assert_array_equal(problems.travelled(paths, 2), [[2], [7]])


def test_the_loss_that_noise_sustains_is_the_mean_of_the_second_half():
    paths = path_of([[9, 9, 9, 1, 3]])
    np.testing.assert_array_equal(problems.sustained_loss(paths), [5])


@pytest.mark.parametrize(
    ("y", "cosine"), [([0, 0, 0], 1), ([0, 1, 0], 0), ([0, 3, 0], -0.8)]
)
def test_straightness_is_the_cosine_between_updates(y, cosine):
    (actual,) = problems.straightness(path_of([[0, 1, 2]], [y]))
    assert actual == pytest.approx(cosine, abs=1e-12)


@pytest.mark.parametrize(
    ("losses", "settled", "below"),
    [
        ([8, 2, 4, 1, 1], 3, 1),
        ([8, 2, 1, 4, 4], 4, 1),
        ([8, 8, 8, 8, 8], 4, 4),
        ([8, np.nan, 1, np.inf, 2], 4, 2),
    ],
)
def test_a_loss_settles_where_it_stays_low_and_not_where_it_is_low_first(
    losses, settled, below
):
    losses = np.array([losses, losses], float)
    np.testing.assert_array_equal(
        problems.updates_to_settle(losses, 0.25), [settled, settled]
    )
    np.testing.assert_array_equal(problems.updates_below(losses, [3, 0.5]), [below, 4])
