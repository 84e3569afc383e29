import numpy as np

from lec7 import problems, update_rules


def test_shells_are_of_their_seeds_and_within_their_ranges():
    shells = problems.shells.draw(range(50), low=10, high=300)
    assert np.all((shells.members.condition >= 10) & (shells.members.condition <= 300))
    assert np.all((shells.starts >= [-10, 0.5]) & (shells.starts <= [-5, 2.5]))
    again = problems.shells.draw((7, 3), low=10, high=300)
    np.testing.assert_array_equal(again.starts, shells.starts[[7, 3]])


def test_a_turned_shell_is_descended_as_the_other_by_a_linear_rule():
    shells = problems.shells.draw((0, 1, 2), low=10, high=300)
    angles = np.array([0.2, 0.7, 1.3])
    rates = 1 / shells.members.condition
    aligned, turned = (
        problems.descend(update_rules.momentum, each, 50, rates=rates).points
        for each in (shells, problems.shells.turn(shells, angles))
    )
    expected = problems.shells.rotate(aligned, angles)
    np.testing.assert_allclose(turned, expected, atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.norm(turned, axis=2), np.linalg.norm(aligned, axis=2), rtol=1e-9
    )


def test_the_noise_floor_of_sgd_is_the_one_of_the_closed_form():
    seeds = range(40)
    shells = problems.shells.draw(seeds, low=4, high=5)
    shells = shells._replace(starts=np.zeros((40, 2)))
    noise = np.random.default_rng(0).normal(size=(40, 2000, 2))
    rates = 0.5 / shells.members.condition
    path = problems.descend(update_rules.sgd, shells, 2000, rates=rates, noise=noise)
    variances = path.points[:, 200:].var(axis=1)
    curvatures = np.stack([np.ones(40), shells.members.condition], axis=1)
    products = rates[:, None] * curvatures
    expected = rates[:, None] / (curvatures * (2 - products))
    ratios = (variances / expected).mean(axis=0)
    np.testing.assert_allclose(ratios, np.ones(2), atol=0.05)
