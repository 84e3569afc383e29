"""What the lecture says of rules on surfaces, as numbers that paths must obey."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _surfaces, _trajectories
from lec7 import update_rules


def slope(x):
    return 3 * x[0] - 0.5 * x[1]


def first_below(losses, level):
    return int(np.argmax(losses < level))


def test_sgd_changes_sides_at_every_step_and_creeps_along_the_valley():
    shell, rate = _surfaces.quadratic(100.0), 2 / 101
    path = _trajectories.run(update_rules.sgd(rate), shell.function, [shell.start], 200)
    x, y = path.points[0].T
    assert np.all(np.sign(y[1:]) == -np.sign(y[:-1]))
    np.testing.assert_allclose(x[1:] / x[:-1], np.full(200, 99 / 101), rtol=1e-12)
    np.testing.assert_allclose(y[1:] / y[:-1], np.full(200, -99 / 101), rtol=1e-9)


def test_sgd_stops_at_a_saddle_and_leaves_it_as_a_power_of_one_plus_two_rates():
    starts = [(1.0, 0.0), (1.0, 1e-8)]
    rule = update_rules.sgd(0.05)
    path = _trajectories.run(rule, _surfaces.SADDLE.function, starts, 200)
    assert np.all(path.points[0, :, 1] == 0)
    assert abs(path.points[0, -1, 0]) < 1e-8
    expected = 1e-8 * 1.1 ** np.arange(201)
    np.testing.assert_allclose(path.points[1, :, 1], expected, rtol=1e-12)


def test_momentum_passes_the_bump_that_stops_sgd_at_the_same_rate():
    well = _surfaces.DOUBLE_WELL
    ends = {
        name: _trajectories.run(make(0.02), well.function, [well.start], 500).points[
            0, -1
        ]
        for name, make in (("sgd", update_rules.sgd), ("mom", update_rules.momentum))
    }
    np.testing.assert_allclose(ends["sgd"], well.minima[1], atol=1e-6)
    np.testing.assert_allclose(ends["mom"], well.minima[0], atol=1e-6)


def test_friction_takes_energy_at_every_step_of_a_slow_descent():
    rate, well = 1e-5, _surfaces.DOUBLE_WELL
    rule = update_rules.momentum(rate, decay=0.99)
    path = _trajectories.run(rule, well.function, [well.start], 3000)
    energy = path.losses[0] + rate / 2 * np.sum(path.state["velocity"][0] ** 2, axis=1)
    assert np.all(np.diff(energy) < 0)
    assert energy[-1] < 0.9 * energy[0]


def test_optimal_momentum_needs_a_ninth_of_the_steps_of_optimal_sgd():
    shell = _surfaces.quadratic(100.0)
    rules = (
        update_rules.sgd(2 / 101),
        update_rules.momentum(4 / 121, decay=(9 / 11) ** 2),
    )
    slow, fast = (
        first_below(
            _trajectories.run(rule, shell.function, [shell.start], 800).losses[0], 1e-9
        )
        for rule in rules
    )
    assert 0 < fast < slow / 7


@pytest.mark.parametrize("name", ["SGD", "momentum", "Nesterov"])
@pytest.mark.parametrize("angle", [0.3, np.pi / 4, 1.2])
def test_turning_the_ellipse_turns_the_path(name, angle):
    apart = np.abs(turned_back(_trajectories.RULES[name](0.01), angle))
    assert apart.max() < 4e-14


def test_turning_the_ellipse_turns_the_one_step_of_newton():
    assert np.abs(turned_back(update_rules.newton(), 0.3)).max() < 4e-13


@pytest.mark.parametrize("name", ["AdaGrad", "RMSProp", "Adam"])
def test_turning_the_ellipse_changes_the_path_of_a_rule_per_coordinate(name):
    apart = np.abs(turned_back(_trajectories.RULES[name](0.5), np.pi / 4))
    assert apart.max() > 1


def turned_back(rule, angle):
    """The path on the turned ellipse, turned back, less the path on the other."""
    surfaces = _surfaces.quadratic(100.0), _surfaces.rotated_quadratic(100.0, angle)
    aligned, turned = (
        _trajectories.run(rule, surface.function, [surface.start], 30).points[0]
        for surface in surfaces
    )
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    return turned @ rotation - aligned


def test_newton_lands_on_the_minimum_of_any_quadratic_in_one_step():
    for condition in (1.0, 1e3, 1e6):
        shell = _surfaces.rotated_quadratic(condition, 0.7)
        path = _trajectories.run(
            update_rules.newton(), shell.function, [shell.start], 1
        )
        assert path.losses[0, 1] < 1e-18 * path.losses[0, 0]


def test_the_steps_of_adagrad_on_a_slope_add_up_to_two_rates_times_root_t():
    rule = update_rules.adagrad(0.1, eps=0.0)
    path = _trajectories.run(rule, slope, [(0.0, 0.0)], 10_000)
    expected = 2 * 0.1 * np.sqrt(10_000) * np.array([-1.0, 1.0])
    np.testing.assert_allclose(path.points[0, -1], expected, rtol=0.01)
    squares = path.state["sum of squares"][0, -1]
    np.testing.assert_allclose(squares, [9e4, 2.5e3], rtol=1e-9)


def test_the_moments_of_adam_on_a_slope_are_exact_once_they_are_corrected():
    path = _trajectories.run(update_rules.adam(0.1), slope, [(0.0, 0.0)], 50)
    t = np.arange(1, 51)[:, None]
    first = path.state["first moment"][0, 1:] / (1 - 0.9**t)
    second = path.state["second moment"][0, 1:] / (1 - 0.999**t)
    np.testing.assert_allclose(first, np.tile([3.0, -0.5], (50, 1)), rtol=1e-10)
    np.testing.assert_allclose(second, np.tile([9.0, 0.25], (50, 1)), rtol=1e-10)


def test_almost_adam_on_a_slope_steps_by_the_quotient_of_what_the_moments_lack():
    rule = update_rules.adam(0.1, eps=0.0, bias_correction=False)
    path = _trajectories.run(rule, slope, [(0.0, 0.0)], 50)
    t = np.arange(1, 51)
    expected = 0.1 * (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
    steps = np.abs(np.diff(path.points[0], axis=0))
    np.testing.assert_allclose(steps, np.stack([expected] * 2, axis=1), rtol=1e-10)
    assert steps[0, 0] == pytest.approx(0.31623, rel=1e-4)
    assert steps.max() == pytest.approx(0.6569, rel=1e-3)


def test_a_path_has_the_start_the_losses_and_the_state_of_every_step():
    shell = _surfaces.quadratic(10.0)
    starts = [(1.0, 2.0), (-3.0, 0.5), (0.0, 1.0)]
    path = _trajectories.run(update_rules.momentum(0.05), shell.function, starts, 7)
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

    where = (update_rules.sgd(1.0), flat, np.zeros((400, 2)), 25)
    path = _trajectories.run(*where, noise=0.5)
    steps = np.diff(path.points, axis=1)
    assert steps.std() == pytest.approx(0.5, rel=0.02)
    assert abs(np.corrcoef(*steps[:2].reshape(2, -1))[0, 1]) < 0.4
    assert np.all(path.losses == 0)
    again = _trajectories.run(*where, noise=0.5, seeds=np.arange(400)[::-1])
    np.testing.assert_array_equal(again.points[::-1], path.points)


def test_a_rule_that_looks_ahead_meets_the_noise_of_the_step():
    shell = _surfaces.quadratic(30.0)
    where = (shell.function, [shell.start], 60)
    ahead = _trajectories.run(update_rules.nesterov_lookahead(0.02), *where, noise=1.0)
    here = _trajectories.run(update_rules.nesterov(0.02), *where, noise=1.0)
    expected = ahead.points + 0.9 * ahead.state["velocity"]
    np.testing.assert_allclose(here.points, expected, rtol=0, atol=1e-11)


def test_tuning_returns_the_rate_that_ends_lowest_and_none_that_diverges():
    shell = _surfaces.quadratic(20.0)
    rates = np.array([0.01, 2 / 21, 0.099, 0.11, 100.0])
    where = (shell.function, [shell.start, (1.0, 1.0)], 200)
    assert _trajectories.tune(update_rules.sgd, *where, rates) == 2 / 21
    ends = [
        _trajectories.run(update_rules.adam(rate), *where).losses[:, -1].mean()
        for rate in rates
    ]
    best = _trajectories.tune(update_rules.adam, *where, rates)
    assert best == rates[np.argmin(ends)]


def test_a_start_may_have_any_number_of_coordinates():
    with jax.enable_x64():
        curvatures = jnp.arange(1.0, 6.0)
        path = _trajectories.run(
            update_rules.adam(0.1),
            lambda x: jnp.sum(curvatures * x**2),
            np.ones((2, 5)),
            3,
        )
    assert path.state["first moment"].shape == (2, 4, 5)
