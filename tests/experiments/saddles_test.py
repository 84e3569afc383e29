"""Descents at saddle points and in local minima do what can be computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import (
    descents,
    saddles,
    saddles_critical,
    saddles_maps,
    saddles_passes,
    saddles_shrinking,
    saddles_wells,
)
from lec7 import problems, update_rules
from lec7.problems import passes, random_waves, wells

SGD, MOMENTUM = descents.RULES["SGD"], descents.RULES["momentum"]
SEEDS = range(8)


def run(rule, problem, starts, steps):
    return problems.descend(rule, problem.from_starts(starts), steps)


def updates_below(losses, rate, steps):
    path = problems.descend(SGD, losses, steps, rates=rate)
    return problems.updates_below(path.losses, passes.half_way_down(losses))


def test_gradient_descent_from_straight_above_a_saddle_ends_at_it():
    path = run(SGD(0.1), problems.SADDLE, [[1.0, 0.0]], 300)
    np.testing.assert_array_equal(path.points[..., 1], 0.0)
    with jax.enable_x64():
        slope = jax.grad(problems.SADDLE.function)(jnp.asarray(path.points[0, -1]))
    assert np.linalg.norm(slope) < 1e-20


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.4])
def test_a_perturbation_grows_as_one_plus_twice_the_rate(rate):
    path = run(SGD(rate), problems.SADDLE, [[1.0, 1e-8]], 50)
    exact = 1e-8 * (1 + 2 * rate) ** np.arange(51)
    np.testing.assert_allclose(np.abs(path.points[0, :, 1]), exact, rtol=1e-13)


def test_a_pass_has_a_saddle_between_two_equal_minima():
    member = np.array([3.0, 2.0, 0.7])
    across = np.array([-np.sin(0.7), np.cos(0.7)])
    with jax.enable_x64():
        slope = jax.grad(passes.height, argnums=1)
        hessian = jax.hessian(passes.height, argnums=1)(member, jnp.zeros(2))
        for point in (0 * across, across, -across):
            np.testing.assert_allclose(slope(member, point), 0, atol=1e-15)
        np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [-2.0, 3.0])
        for point in (across, -across):
            np.testing.assert_allclose(passes.height(member, point), -0.5)


@pytest.mark.parametrize("offset", [1e-3, 1e-6])
def test_escape_times_are_those_of_the_closed_form(offset):
    straight = passes.draw(SEEDS, offset=offset, angle=0.0)
    counts = updates_below(straight, 0.02, 2_000)
    exact = passes.predicted_updates(straight, 0.02, offset)
    # The formula leaves out that the growth ends where the minimum is near.
    assert np.all((counts >= exact) & (counts < exact + 0.8 / np.log1p(0.01)))


def test_escape_times_do_not_depend_on_how_a_pass_is_turned():
    straight = passes.draw(SEEDS, offset=1e-3, angle=0.0)
    turned = passes.draw(SEEDS, offset=1e-3)
    counts = [updates_below(losses, 0.05, 500) for losses in (straight, turned)]
    np.testing.assert_array_equal(*counts)


def test_updates_near_a_saddle_end_when_the_pass_is_left():
    points = np.array([[[1.0, 0.0], [0.05, 0.0], [0.0, 0.09], [0.0, 1.0], [0.0, 0.0]]])
    assert saddles_shrinking.updates_near(points, np.array([3])) == 2


def test_a_well_has_a_local_and_a_lower_minimum():
    drawn = wells.draw(SEEDS)
    ends = np.tile([wells.GLOBAL, 0.0], (len(SEEDS), 1))
    for points in (wells.resting(drawn).starts, ends):
        np.testing.assert_allclose(drawn.slopes(points), 0, atol=1e-13)
    np.testing.assert_allclose(drawn.at(ends), 0, atol=1e-13)
    assert np.all(wells.bottom(drawn) > 1)


def test_momentum_passes_a_bump_at_which_gradient_descent_stops():
    start = [problems.DOUBLE_WELL.start]
    plain = run(SGD(0.01), problems.DOUBLE_WELL, start, 1_000)
    heavy = run(MOMENTUM(0.01), problems.DOUBLE_WELL, start, 1_000)
    np.testing.assert_allclose(plain.points[0, -1], (-2.0, 0.0), atol=1e-6)
    np.testing.assert_allclose(heavy.points[0, -1], (2.0, 0.0), atol=1e-6)
    assert heavy.losses[0, -1] < plain.losses[0, -1] - 1


def test_friction_takes_energy_from_a_small_step_of_momentum():
    rate, decay = 1e-4, 0.99
    rule = update_rules.momentum(rate, decay=decay)
    well = problems.DOUBLE_WELL
    path = run(rule, well, [well.start], 2_000)
    # x'' = - grad f in a time of sqrt(rate) a step, so half the velocity squared.
    energy = path.losses[0] + rate / 2 * np.sum(path.state["velocity"][0] ** 2, axis=1)
    assert np.all(np.diff(energy) < 1e-6)
    assert energy[-1] < energy[0] - 1


def test_noise_alone_leaves_a_ridge_and_a_local_minimum():
    drawn = wells.resting(wells.draw(SEEDS))
    noise = 10 * np.random.default_rng(0).normal(size=(len(SEEDS), 1_000, 2))
    still = problems.descend(SGD, drawn, 1_000, rates=0.02)
    shaken = problems.descend(SGD, drawn, 1_000, rates=0.02, noise=noise)
    assert not wells.passed(drawn, still).any()
    assert wells.passed(drawn, shaken).all()


@pytest.mark.parametrize(
    ("dimension", "share"),
    [(1, 0.0), (2, 0.5**0.5), (3, 0.5 + 2**0.5 / np.pi)],
)
def test_the_share_of_indefinite_matrices_is_the_known_one(dimension, share):
    drawn = random_waves.gaussian_eigenvalues(range(4), dimension, 10_000)
    sigma = np.sqrt(share * (1 - share) / len(drawn))
    assert abs(random_waves.is_saddle(drawn).mean() - share) <= 4 * sigma


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_a_torus_every_second_critical_point_is_a_saddle(seed):
    generator = np.random.default_rng(seed)
    one = random_waves.draw(generator, 2, 1)
    starts = generator.uniform(0, 2 * np.pi, (2_000, 2))
    many = random_waves.Waves(*(np.repeat(leaf, len(starts), axis=0) for leaf in one))
    losses = problems.Family(random_waves.height, many, starts)
    ends = problems.critical_points(saddles_critical.RULE, losses, 100)
    on_circles = np.exp(1j * ends.points[ends.arrived]).round(6)
    _, places = np.unique(on_circles, axis=0, return_index=True)
    found = ends.eigenvalues[ends.arrived][places]
    saddles = random_waves.is_saddle(found).sum()
    assert len(found) >= 4
    assert 2 * saddles == len(found)


def test_with_one_parameter_no_critical_point_is_a_saddle():
    config = saddles.Config(seeds=(0,), each=2, dimensions=(1, 2), functions=20)
    found = saddles_critical.find(config)
    assert len(found.saddles[1]) > 30
    assert not found.saddles[1].any()
    assert 0 < found.minima[1].mean() < 1


def test_what_rules_remember_is_counted_by_parameter():
    numbers = {name: saddles_wells.remembered(name) for name in descents.RULES}
    assert numbers["SGD"] == 0
    assert numbers["momentum"] == numbers["AdaGrad"] == numbers["RMSProp"] == 1
    assert numbers["Adam"] == 2


def test_an_end_is_at_the_nearest_minimum_or_at_none():
    minima = ((0.0, 0.0), (3.0, 0.0))
    ends = np.array([[0.1, 0.0], [2.9, 0.2], [1.5, 0.0], [np.nan, 0.0]])
    np.testing.assert_array_equal(saddles_maps.nearest(ends, minima), [0, 1, -1, -1])


@pytest.mark.parametrize(
    ("hits", "verdict"),
    [(400, "supported"), (0, "contradicted"), (396, "inconclusive")],
)
def test_the_verdict_on_saddles_follows_their_share(hits, verdict):
    config = saddles.Config(seeds=(0,), each=4, dimensions=(2, 9))
    some = {size: np.arange(400) < hits for size in (2, 9)}
    drawn = {size: np.arange(400) // 100 for size in (2, 9)}
    points = saddles_critical.Points(some, some, drawn, some)
    claims = saddles_critical.claims(config, points)
    assert next(c.verdict for c in claims if c.id == "L05") == verdict


@pytest.mark.parametrize(
    ("last", "verdict"), [(0.9, "supported"), (0.2, "contradicted")]
)
def test_one_parameter_does_not_decide_whether_saddles_become_more(last, verdict):
    config = saddles.Config(seeds=(0,), each=4, dimensions=(1, 2, 9))
    drawn = {size: np.arange(400) // 100 for size in (1, 2, 9)}
    more = np.array([[0], [1], [2], [5]])  # draws differ a little
    some = {
        size: (np.arange(100) < 100 * share + more * share).ravel()
        for size, share in ((1, 0.0), (2, 0.5), (9, last))
    }
    points = saddles_critical.Points(some, some, drawn, some)
    claims = {c.id: c for c in saddles_critical.claims(config, points)}
    assert claims["L05.grows"].verdict == verdict


def test_with_one_size_above_one_parameter_growth_is_untested():
    config = saddles.Config(seeds=(0,), each=4, dimensions=(1, 2))
    some = {size: np.ones(400, bool) for size in (1, 2)}
    drawn = {size: np.arange(400) // 100 for size in (1, 2)}
    points = saddles_critical.Points(some, some, drawn, some)
    claims = {c.id: c for c in saddles_critical.claims(config, points)}
    assert claims["L05.grows"].verdict == "untested"


def test_the_updates_of_a_run_are_those_of_its_paths():
    config = saddles.Config(seeds=(0,), each=3, steps=200)
    losses = passes.draw(config.draws, offset=1e-3)
    counts = saddles_passes.updates(config, "SGD", losses)
    np.testing.assert_array_equal(counts, updates_below(losses, config.rate, 200))
