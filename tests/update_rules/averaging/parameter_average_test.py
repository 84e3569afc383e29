"""What every average of the parameters has to do, and what the equal weights are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import schedules, update_rules

AVERAGES = {
    "polyak_average": update_rules.polyak_average,
    "without debias": functools.partial(update_rules.polyak_average, debias=False),
    "polyak_ruppert": update_rules.polyak_ruppert,
    "stochastic_weight_average": functools.partial(
        update_rules.stochastic_weight_average, 3, 2
    ),
}
every_average = pytest.mark.parametrize("name", AVERAGES)


def averages_of(average, iterates):
    """The average after each update, fed with the updates between iterates."""
    iterates = jnp.asarray(iterates)

    def step(carry, new):
        x, state = carry
        _, state = average.update(new - x, state, x)
        return (new, state), update_rules.averaged_params(state)

    start = iterates[0], average.init(iterates[0])
    return jax.lax.scan(step, start, iterates[1:])[1]


@every_average
def test_a_constant_is_averaged_to_itself_at_every_step(name):
    constant = np.random.default_rng(0).normal(size=50).astype(np.float32)
    averages = averages_of(AVERAGES[name](), np.tile(constant, (101, 1)))
    np.testing.assert_array_equal(averages, np.tile(constant, (100, 1)))


@pytest.mark.parametrize("name", sorted(set(AVERAGES) - {"without debias"}))
def test_nothing_of_the_initial_parameters_is_left_after_the_first_update(name):
    rule = AVERAGES[name]()
    state = rule.init(jnp.float32([1e8, np.nan]))
    new = jnp.float32([1e-3, 0.3])
    _, state = rule.update(new, state, jnp.zeros(2))
    np.testing.assert_array_equal(update_rules.averaged_params(state), new)


@pytest.mark.usefixtures("float64")
def test_the_uniform_average_is_the_mean_of_all_but_the_initial_parameters():
    iterates = np.random.default_rng(0).normal(size=(101, 3))
    expected = np.cumsum(iterates[1:], axis=0) / np.arange(1, 101)[:, None]
    actual = averages_of(update_rules.polyak_ruppert(), iterates)
    np.testing.assert_allclose(actual, expected, atol=1e-14)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("start", "every"), [(0, 1), (0, 4), (1, 1), (3, 1), (7, 5)])
def test_the_average_of_snapshots_is_the_mean_of_those_taken(start, every):
    iterates = np.random.default_rng(0).normal(size=(41, 3))
    average = update_rules.stochastic_weight_average(start, every)
    actual = averages_of(average, iterates)
    for made in range(1, 41):
        taken = iterates[start : made + 1 : every]
        expected = taken.mean(axis=0) if len(taken) else iterates[made]
        np.testing.assert_allclose(actual[made - 1], expected, atol=1e-14)


def test_a_snapshot_of_every_update_from_the_first_on_is_the_uniform_average():
    iterates = np.random.default_rng(0).normal(size=(41, 3)).astype(np.float32)
    snapshots = averages_of(update_rules.stochastic_weight_average(1, 1), iterates)
    uniform = averages_of(update_rules.polyak_ruppert(), iterates)
    np.testing.assert_array_equal(snapshots, uniform)


def test_snapshots_are_those_of_a_cyclic_rate():
    # Parameters that are the number of updates show which of them were taken.
    made = np.arange(31.0, dtype=np.float32)
    average = update_rules.stochastic_weight_average(10, 5)
    after = np.concatenate([[0], averages_of(average, made)])
    due = np.flatnonzero(schedules.snapshot_due(np.arange(31), cycle_steps=5))
    for step in range(10, 31):
        expected = np.mean([taken for taken in due if 10 <= taken <= step])
        assert after[step] == pytest.approx(expected)


def test_what_is_not_finite_between_two_snapshots_stays_out():
    average = update_rules.stochastic_weight_average(1, 3)
    zero = jnp.zeros([])
    state = average.init(zero)
    for new, expected in ((1.0, 1), (np.nan, 1), (np.inf, 1), (3.0, 2)):
        _, state = average.update(jnp.float32(new), state, zero)
        assert update_rules.averaged_params(state) == expected


def test_the_uniform_average_of_noisy_descent_has_the_variance_of_the_closed_form():
    # x <- (1 - a c) x - a n, from 0: x_bar = -1/(c T) sum_j n_j (1 - (1 - a c)^j).
    rate, curvature, steps, members = 0.1, 2.0, 100, 4000
    rule = optax.chain(update_rules.sgd(rate), update_rules.polyak_ruppert())
    noise = jax.random.normal(jax.random.key(0), (steps, members))

    def step(carry, noise):
        x, state = carry
        updates, state = rule.update(curvature * x + noise, state, x)
        return (x + updates, state), None

    x = jnp.zeros(members)
    (_, state), _ = jax.lax.scan(step, (x, rule.init(x)), noise)
    shares = 1 - (1 - rate * curvature) ** np.arange(1, steps + 1)
    expected = np.sum(shares**2) / (curvature * steps) ** 2
    actual = np.var(update_rules.averaged_params(state))
    # Four standard errors of a variance.
    assert actual == pytest.approx(expected, rel=4 * np.sqrt(2 / members))
    assert expected == pytest.approx(1 / (curvature**2 * steps), rel=0.1)


@every_average
def test_updates_are_left_as_they_are(name):
    rule, params = AVERAGES[name](), {"w": jnp.ones(3)}
    updates = {"w": jnp.float32([0.1, 1e-30, np.nan])}
    actual, _ = rule.update(updates, rule.init(params), params)
    np.testing.assert_array_equal(actual["w"], updates["w"])


@every_average
def test_parameters_and_state_may_be_overwritten_in_one_step(name):
    rule = optax.chain(update_rules.sgd(0.5), AVERAGES[name]())
    params = {"w": jnp.ones(3)}
    state = rule.init(params)

    def step(params, state):
        updates, state = rule.update(params, state, params)
        return optax.apply_updates(params, updates), state

    step = jax.jit(step, donate_argnums=(0, 1))
    params, state = step(*step(params, state))
    assert np.isfinite(update_rules.averaged_params(state)["w"]).all()


def nested(average):
    return {
        "alone": average,
        "chain": optax.chain(optax.sgd(0.1), average),
        "MultiSteps": optax.MultiSteps(optax.chain(optax.sgd(0.1), average), 4),
        "inject": optax.inject_hyperparams(update_rules.polyak_average)(0.9),
        "masked": optax.masked(average, {"w": True}),
        "partition": optax.partition({"it": average}, {"w": "it"}),
        "apply_if_finite": optax.apply_if_finite(average, 3),
    }


@every_average
@pytest.mark.parametrize("place", nested(update_rules.polyak_average()))
def test_the_average_is_found_wherever_it_is(name, place):
    params = {"w": jnp.arange(3.0)}
    state = nested(AVERAGES[name]())[place].init(params)
    actual = update_rules.averaged_params(state)
    np.testing.assert_array_equal(actual["w"], params["w"])


@pytest.mark.parametrize("rules", ((), tuple(AVERAGES.values())[1:3]))
def test_no_average_and_two_are_both_refused(rules):
    rule = optax.chain(optax.adam(0.1), *(make() for make in rules))
    message = f"holds {len(rules)} averages .* expected 1"
    with pytest.raises(ValueError, match=message):
        update_rules.averaged_params(rule.init(jnp.zeros(3)))


@every_average
def test_parameters_are_required(name):
    rule = AVERAGES[name]()
    with pytest.raises(ValueError, match="update\\(updates, state, params\\)"):
        rule.update(jnp.ones(3), rule.init(jnp.ones(3)))


@pytest.mark.parametrize(
    ("start", "every", "message"),
    [
        (-1, 1, "start is -1; expected an integer >= 0"),
        (0.5, 1, "start is 0.5; expected an integer >= 0"),
        (0, 0, "every is 0; expected an integer >= 1"),
        (0, True, "every is True; expected an integer >= 1"),
    ],
)
def test_a_wrong_period_is_named_when_the_rule_is_built(start, every, message):
    with pytest.raises(ValueError, match=message):
        update_rules.stochastic_weight_average(start, every)
