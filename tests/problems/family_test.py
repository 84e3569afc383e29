import numpy as np

from lec7 import problems


def test_losses_are_repeated_and_selected_with_what_tells_them_apart():
    shells = problems.shells.draw((0, 1, 2), low=10, high=300)
    twice = shells.repeat(2)
    np.testing.assert_array_equal(twice.starts[::2], twice.starts[1::2])
    for once in (twice.select(np.s_[::2]), twice.select([0, 2, 4])):
        np.testing.assert_array_equal(once.starts, shells.starts)
        np.testing.assert_array_equal(once.members.condition, shells.members.condition)


def test_one_loss_from_many_starts_has_no_members():
    losses = problems.SADDLE.from_starts([(1.0, 0.0), (0.0, 2.0)])
    np.testing.assert_array_equal(losses.at(losses.starts), [1, -4])
    assert losses.repeat(3).members is None


def test_slopes_are_those_of_a_shell():
    shells = problems.shells.draw((0, 1, 2), low=10, high=300)
    curvatures = np.stack([np.ones(3), shells.members.condition], axis=1)
    slopes = shells.slopes(shells.starts)
    np.testing.assert_allclose(slopes, shells.starts * curvatures, rtol=1e-12)
