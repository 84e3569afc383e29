"""What the lecture says of rules on surfaces, as numbers that paths must obey."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import descents
from lec7 import problems, update_rules


def slope(x):
    return 3 * x[0] - 0.5 * x[1]


SLOPE = problems.Family(slope, None, np.zeros((1, 2)))


def first_below(losses, level):
    return int(np.argmax(losses < level))


def test_sgd_changes_sides_at_every_step_and_creeps_along_the_valley():
    shell, rate = problems.taco_shell(100.0), 2 / 101
    path = problems.descend(update_rules.sgd(rate), shell.from_starts(), 200)
    x, y = path.points[0].T
    assert np.all(np.sign(y[1:]) == -np.sign(y[:-1]))
    np.testing.assert_allclose(x[1:] / x[:-1], np.full(200, 99 / 101), rtol=1e-12)
    np.testing.assert_allclose(y[1:] / y[:-1], np.full(200, -99 / 101), rtol=1e-9)


def test_sgd_stops_at_a_saddle_and_leaves_it_as_a_power_of_one_plus_two_rates():
    starts = [(1.0, 0.0), (1.0, 1e-8)]
    rule = update_rules.sgd(0.05)
    path = problems.descend(rule, problems.SADDLE.from_starts(starts), 200)
    assert np.all(path.points[0, :, 1] == 0)
    assert abs(path.points[0, -1, 0]) < 1e-8
    expected = 1e-8 * 1.1 ** np.arange(201)
    np.testing.assert_allclose(path.points[1, :, 1], expected, rtol=1e-12)


def test_momentum_passes_the_bump_that_stops_sgd_at_the_same_rate():
    well = problems.DOUBLE_WELL
    ends = {
        name: problems.descend(make(0.02), well.from_starts(), 500).points[0, -1]
        for name, make in (("sgd", update_rules.sgd), ("mom", update_rules.momentum))
    }
    np.testing.assert_allclose(ends["sgd"], well.minima[1], atol=1e-6)
    np.testing.assert_allclose(ends["mom"], well.minima[0], atol=1e-6)


def test_friction_takes_energy_at_every_step_of_a_slow_descent():
    rate, well = 1e-5, problems.DOUBLE_WELL
    rule = update_rules.momentum(rate, decay=0.99)
    path = problems.descend(rule, well.from_starts(), 3000)
    energy = path.losses[0] + rate / 2 * np.sum(path.state["velocity"][0] ** 2, axis=1)
    assert np.all(np.diff(energy) < 0)
    assert energy[-1] < 0.9 * energy[0]


def test_optimal_momentum_needs_a_ninth_of_the_steps_of_optimal_sgd():
    shell = problems.taco_shell(100.0)
    rules = (
        update_rules.sgd(2 / 101),
        update_rules.momentum(4 / 121, decay=(9 / 11) ** 2),
    )
    slow, fast = (
        first_below(problems.descend(rule, shell.from_starts(), 800).losses[0], 1e-9)
        for rule in rules
    )
    assert 0 < fast < slow / 7


@pytest.mark.parametrize("name", ["SGD", "momentum", "Nesterov"])
@pytest.mark.parametrize("angle", [0.3, np.pi / 4, 1.2])
def test_turning_the_ellipse_turns_the_path(name, angle):
    apart = np.abs(turned_back(descents.RULES[name](0.01), angle))
    assert apart.max() < 4e-14


def test_turning_the_ellipse_turns_the_one_step_of_newton():
    assert np.abs(turned_back(update_rules.newton(), 0.3)).max() < 4e-13


@pytest.mark.parametrize("name", ["AdaGrad", "RMSProp", "Adam"])
def test_turning_the_ellipse_changes_the_path_of_a_rule_per_coordinate(name):
    apart = np.abs(turned_back(descents.RULES[name](0.5), np.pi / 4))
    assert apart.max() > 1


def turned_back(rule, angle):
    """The path on the turned ellipse, turned back, less the path on the other."""
    surfaces = problems.taco_shell(100.0), problems.rotated_ellipse(100.0, angle)
    aligned, turned = (
        problems.descend(rule, surface.from_starts(), 30).points[0]
        for surface in surfaces
    )
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    return turned @ rotation - aligned


def test_newton_lands_on_the_minimum_of_any_quadratic_in_one_step():
    for condition in (1.0, 1e3, 1e6):
        shell = problems.rotated_ellipse(condition, 0.7)
        path = problems.descend(update_rules.newton(), shell.from_starts(), 1)
        assert path.losses[0, 1] < 1e-18 * path.losses[0, 0]


def test_the_steps_of_adagrad_on_a_slope_add_up_to_two_rates_times_root_t():
    rule = update_rules.adagrad(0.1, eps=0.0)
    path = problems.descend(rule, SLOPE, 10_000)
    expected = 2 * 0.1 * np.sqrt(10_000) * np.array([-1.0, 1.0])
    np.testing.assert_allclose(path.points[0, -1], expected, rtol=0.01)
    squares = path.state["sum of squares"][0, -1]
    np.testing.assert_allclose(squares, [9e4, 2.5e3], rtol=1e-9)


def test_the_moments_of_adam_on_a_slope_are_exact_once_they_are_corrected():
    path = problems.descend(update_rules.adam(0.1), SLOPE, 50)
    t = np.arange(1, 51)[:, None]
    first = path.state["first moment"][0, 1:] / (1 - 0.9**t)
    second = path.state["second moment"][0, 1:] / (1 - 0.999**t)
    np.testing.assert_allclose(first, np.tile([3.0, -0.5], (50, 1)), rtol=1e-10)
    np.testing.assert_allclose(second, np.tile([9.0, 0.25], (50, 1)), rtol=1e-10)


def test_almost_adam_on_a_slope_steps_by_the_quotient_of_what_the_moments_lack():
    rule = update_rules.adam(0.1, eps=0.0, bias_correction=False)
    path = problems.descend(rule, SLOPE, 50)
    t = np.arange(1, 51)
    expected = 0.1 * (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
    steps = np.abs(np.diff(path.points[0], axis=0))
    np.testing.assert_allclose(steps, np.stack([expected] * 2, axis=1), rtol=1e-10)
    assert steps[0, 0] == pytest.approx(0.31623, rel=1e-4)
    assert steps.max() == pytest.approx(0.6569, rel=1e-3)


def test_a_path_has_the_start_the_losses_and_the_state_of_every_step():
    shell = problems.taco_shell(10.0)
    starts = [(1.0, 2.0), (-3.0, 0.5), (0.0, 1.0)]
    path = problems.descend(update_rules.momentum(0.05), shell.from_starts(starts), 7)
    np.testing.assert_array_equal(path.points[:, 0], starts)
    assert path.points.dtype == np.float64
    assert set(path.state) == {"velocity"}
    velocity = path.state["velocity"]
    assert path.points.shape == velocity.shape == (3, 8, 2)
    np.testing.assert_array_equal(velocity[:, 0], np.zeros((3, 2)))
    steps = np.diff(path.points, axis=1)
    np.testing.assert_allclose(steps, -0.05 * velocity[:, 1:], rtol=0, atol=1e-15)
    losses = (path.points[..., 0] ** 2 + 10 * path.points[..., 1] ** 2) / 2
    np.testing.assert_allclose(path.losses, losses, rtol=1e-12)


def test_noise_has_its_size_belongs_to_its_seed_and_is_in_the_gradient_alone():
    def flat(x):
        return 0.0 * jnp.sum(x)

    losses = problems.Family(flat, None, np.zeros((400, 2)))
    rule, noise = (
        update_rules.sgd(1.0),
        problems.draw_noise(range(400), 25, 2, scale=0.5),
    )
    path = problems.descend(rule, losses, 25, noise=noise)
    steps = np.diff(path.points, axis=1)
    assert steps.std() == pytest.approx(0.5, rel=0.02)
    assert abs(np.corrcoef(*steps[:2].reshape(2, -1))[0, 1]) < 0.4
    assert np.all(path.losses == 0)
    some = problems.draw_noise((7, 3), 25, 2, scale=0.5)
    np.testing.assert_array_equal(some, noise[[7, 3]])


def test_a_rule_that_looks_ahead_meets_the_noise_of_the_step():
    losses = problems.taco_shell(30.0).from_starts()
    noise = problems.draw_noise((0,), 60, 2, scale=1.0)
    ahead, here = (
        problems.descend(make(0.02), losses, 60, noise=noise)
        for make in (update_rules.nesterov_lookahead, update_rules.nesterov)
    )
    expected = ahead.points + 0.9 * ahead.state["velocity"]
    np.testing.assert_allclose(here.points, expected, rtol=0, atol=1e-11)


def test_the_shared_rate_ends_lowest_on_average_and_does_not_diverge():
    shell = problems.taco_shell(20.0)
    losses = shell.from_starts([shell.start, (1.0, 1.0)])
    rates = np.array([0.01, 2 / 21, 0.099, 0.11, 100.0])
    tuned = problems.tune(
        update_rules.sgd, losses, 200, rates=rates, score=problems.last_loss
    )
    assert tuned.shared == 2 / 21
    ends = [
        problems.descend(update_rules.adam(rate), losses, 200).losses[:, -1].mean()
        for rate in rates
    ]
    tuned = problems.tune(
        update_rules.adam, losses, 200, rates=rates, score=problems.last_loss
    )
    assert tuned.shared == rates[np.argmin(ends)]


def test_tuning_scores_every_loss_at_every_rate_as_a_descent_of_its_own():
    shells, rates = (
        problems.shells.draw((0, 1), low=10, high=30),
        [1e-3, 0.01, 0.05, 5.0],
    )
    noise = problems.draw_noise((0, 1), 300, 2, scale=0.1)

    def score(losses):
        return problems.updates_to_settle(losses, 1e-3)

    tuned = problems.tune(
        update_rules.momentum, shells, 300, rates=rates, score=score, noise=noise
    )
    scores = [
        score(
            problems.descend(
                update_rules.momentum, shells, 300, rates=rate, noise=noise
            ).losses
        )
        for rate in rates
    ]
    np.testing.assert_array_equal(tuned.scores, np.transpose(scores))
    np.testing.assert_array_equal(tuned.least, np.min(scores, axis=0))
    np.testing.assert_array_equal(
        tuned.best, np.asarray(rates)[np.argmin(scores, axis=0)]
    )


def test_a_start_may_have_any_number_of_coordinates():
    curvatures = np.arange(1.0, 6.0)
    losses = problems.Family(
        lambda curvatures, x: jnp.sum(curvatures * x**2),
        np.stack([curvatures, 2 * curvatures]),
        np.ones((2, 5)),
    )
    path = problems.descend(update_rules.adam(0.1), losses, 3)
    assert path.state["first moment"].shape == (2, 4, 5)
    np.testing.assert_array_equal(path.losses[:, 0], [15, 30])
    assert path.select(np.s_[1, :2]).points.shape == (2, 5)


@pytest.mark.parametrize(
    ("members", "starts", "steps", "message"),
    [
        (None, np.zeros(2), 1, r"starts have shape \(2,\)"),
        (None, np.zeros((1, 2)), 0, "steps is 0; expected .* at least 1"),
        (np.zeros(2), np.zeros((3, 2)), 1, "expected a leading axis of 3"),
    ],
)
def test_a_descent_that_does_not_fit_is_refused(members, starts, steps, message):
    losses = problems.Family(slope, members, starts)
    with pytest.raises(ValueError, match=message):
        problems.descend(update_rules.sgd(0.1), losses, steps)
