"""Schedules against their formulas, optax's, and a run that was interrupted."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import serialization

from lec7 import schedules, update_rules

INIT = 0.3
LENGTH = 100

FORMULAS = {
    "step": (
        schedules.step_decay(INIT, factor=0.1, every=30),
        lambda t: INIT * 0.1 ** math.floor(t / 30),
    ),
    "exponential": (
        schedules.exponential_decay(INIT, rate=0.05),
        lambda t: INIT * math.exp(-0.05 * t),
    ),
    "inverse time": (
        schedules.inverse_time_decay(INIT, rate=0.05),
        lambda t: INIT / (1 + 0.05 * t),
    ),
    "inverse root": (
        schedules.inverse_sqrt_decay(INIT),
        lambda t: INIT / math.sqrt(t + 1),
    ),
    "inverse root, slower": (
        schedules.inverse_sqrt_decay(INIT, rate=0.05),
        lambda t: INIT / math.sqrt(1 + 0.05 * t),
    ),
    "linear": (
        schedules.linear_decay(INIT, steps=LENGTH, final=0.1),
        lambda t: INIT + (0.1 - INIT) * min(t / LENGTH, 1),
    ),
    "cosine": (
        schedules.cosine_decay(INIT, steps=LENGTH),
        lambda t: INIT / 2 * (1 + math.cos(math.pi * min(t / LENGTH, 1))),
    ),
    "cyclic cosine, eq. 2 with t from 1": (
        schedules.cyclic_cosine(INIT, cycle_steps=20),
        lambda t: INIT / 2 * (math.cos(math.pi * math.fmod(t, 20) / 20) + 1),
    ),
    "warm-up": (
        schedules.warmup(INIT, steps=25, start=0.1),
        lambda t: 0.1 + (INIT - 0.1) * min(t / 25, 1),
    ),
}

PEERS = {
    "step": (
        FORMULAS["step"][0],
        optax.exponential_decay(INIT, 30, 0.1, staircase=True),
    ),
    "exponential": (
        FORMULAS["exponential"][0],
        optax.exponential_decay(INIT, 1, math.exp(-0.05)),
    ),
    "linear": (FORMULAS["linear"][0], optax.linear_schedule(INIT, 0.1, LENGTH)),
    "cosine": (
        schedules.cosine_decay(INIT, steps=LENGTH, final=0.1),
        optax.cosine_decay_schedule(INIT, LENGTH, 0.1 / INIT),
    ),
    "warm-up and cosine": (
        schedules.warmup(
            schedules.cosine_decay(INIT, steps=LENGTH - 10, final=0.01),
            steps=10,
            start=0.1,
        ),
        optax.warmup_cosine_decay_schedule(0.1, INIT, 10, LENGTH, 0.01),
    ),
    "warm restarts": (
        schedules.warm_restarts(INIT, cycle_steps=10, growth=2, final=0.01),
        optax.sgdr_schedule(
            {
                "init_value": INIT,
                "peak_value": INIT,
                "warmup_steps": 0,
                "decay_steps": 10 * 2**cycle,
                "end_value": 0.01,
            }
            for cycle in range(4)
        ),
    ),
}

EVERY = {name: schedule for name, (schedule, _) in FORMULAS.items()}
EVERY |= {f"{name}, of optax": pair[0] for name, pair in PEERS.items()}
every_schedule = pytest.mark.parametrize("name", EVERY)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", FORMULAS)
def test_the_rate_is_that_of_the_formula(name):
    schedule, formula = FORMULAS[name]
    steps = range(LENGTH + 20)
    expected = [formula(step) for step in steps]
    rates = schedule(jnp.arange(LENGTH + 20, dtype=jnp.int32))
    np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-16)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", PEERS)
def test_the_rate_is_that_of_optax(name):
    ours, theirs = PEERS[name]
    steps = jnp.arange(LENGTH + 20, dtype=jnp.int32)
    # Some of optax's take their arguments in float32 whatever the precision.
    np.testing.assert_allclose(ours(steps), theirs(steps), rtol=1e-5)


@every_schedule
def test_a_step_may_be_a_number_an_array_or_traced(name):
    schedule, steps = EVERY[name], jnp.arange(0, 120, 7)
    vector = schedule(steps)
    assert vector.shape == steps.shape
    _, scanned = jax.lax.scan(lambda _, t: (None, schedule(t)), None, steps)
    np.testing.assert_allclose(scanned, vector, rtol=2e-6, atol=1e-8)
    alone = [float(schedule(step)) for step in (0, 7, 119)]
    expected = [vector[0], vector[1], vector[17]]
    np.testing.assert_allclose(alone, expected, rtol=2e-6, atol=1e-8)


@every_schedule
def test_no_rate_is_negative_or_above_the_first_peak_in_float32(name):
    rates = EVERY[name](jnp.arange(10 * LENGTH))
    assert rates.min() >= 0 and rates.max() <= np.float32(INIT)


def test_the_cosine_is_half_way_at_half_time_and_final_at_the_end_alone():
    schedule = schedules.cosine_decay(INIT, steps=LENGTH)
    np.testing.assert_allclose(schedule(LENGTH // 2), INIT / 2, rtol=1e-6)
    assert schedule(LENGTH - 1) > 0
    assert schedule(LENGTH) == schedule(LENGTH + 50) == 0


def test_warm_up_before_a_cosine_has_the_rates_of_the_closed_form():
    schedule = schedules.warmup(schedules.cosine_decay(1.0, steps=90), steps=10)
    rates = [schedule(step) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(rates, [0, 0.5, 1, 0.5, 0], atol=1e-7)


def test_warm_up_meets_its_schedule_at_the_schedules_first_step():
    after = schedules.step_decay(INIT, factor=0.5, every=3)
    schedule = schedules.warmup(after, steps=4)
    ahead = jnp.arange(20)
    np.testing.assert_array_equal(schedule(ahead + 4), after(ahead))
    np.testing.assert_allclose(jnp.diff(schedule(jnp.arange(5))), INIT / 4, rtol=1e-6)


@pytest.mark.parametrize("cycle_steps", (1, 2, 20))
def test_a_cyclic_cosine_falls_strictly_and_restarts_exactly(cycle_steps):
    schedule = schedules.cyclic_cosine(INIT, cycle_steps=cycle_steps)
    rates = schedule(jnp.arange(4 * cycle_steps))
    cycles = np.asarray(rates).reshape(4, cycle_steps)
    assert (cycles == cycles[0]).all() and cycles[0, 0] == np.float32(INIT)
    assert (np.diff(cycles[0]) < 0).all()


def test_the_last_rate_of_a_cycle_is_not_zero():
    schedule = schedules.cyclic_cosine(0.1, cycle_steps=20)
    assert float(schedule(19)) == pytest.approx(6.16e-4, rel=1e-3)


def test_a_snapshot_is_due_after_the_last_update_of_a_cycle():
    made = jnp.arange(101)
    due = schedules.snapshot_due(made, cycle_steps=20)
    assert made[due].tolist() == [20, 40, 60, 80, 100]
    schedule = schedules.cyclic_cosine(INIT, cycle_steps=20)
    # The rate of the update before is the lowest, that of the next one the highest.
    lowest = schedule(made[due] - 1)
    assert (lowest == schedule(made).min()).all()
    assert (schedule(made[due]) == schedule(0)).all()


@pytest.mark.parametrize(("length", "growth"), [(1, 2), (10, 2), (7, 3), (5, 1)])
def test_warm_restarts_are_at_the_sums_of_the_cycles(length, growth):
    schedule = schedules.warm_restarts(1.0, cycle_steps=length, growth=growth)
    starts = np.cumsum([0, *(length * growth**i for i in range(12))])
    starts = starts[starts < 10**6]
    np.testing.assert_array_equal(schedule(jnp.asarray(starts)), 1)
    if length > 1:
        assert (schedule(jnp.asarray(starts[1:] - 1)) < 0.15).all()
    if growth > 1:
        middle = (starts[:-1] + starts[1:]) // 2
        even = np.diff(starts) % 2 == 0
        halves = schedule(jnp.asarray(middle[even]))
        np.testing.assert_allclose(halves, 0.5, atol=1e-6)


def test_warm_restarts_are_finite_at_the_largest_step():
    schedule = schedules.warm_restarts(1.0, cycle_steps=3, growth=2)
    assert 0 <= schedule(jnp.int32(2**31 - 1)) <= 1


def test_restored_after_any_update_a_rule_goes_on_at_the_next_rate():
    schedule = schedules.cyclic_cosine(1.0, cycle_steps=4)
    rule = update_rules.sgd(schedule)
    params = jnp.zeros([])
    empty = rule.init(params)
    whole, bits = [], [serialization.to_bytes(empty)]
    state = empty
    for _ in range(9):
        update, state = rule.update(jnp.ones([]), state, params)
        whole.append(update)
        bits.append(serialization.to_bytes(state))
    np.testing.assert_array_equal(whole, -schedule(jnp.arange(9)))
    for made in range(9):
        restored = serialization.from_bytes(empty, bits[made])
        update, _ = rule.update(jnp.ones([]), restored, params)
        assert update == whole[made]


def test_vmap_over_the_arguments_is_a_loop_over_them():
    inits, steps = jnp.float32([0.1, 0.2]), jnp.arange(50)

    def rates(init):
        schedule = schedules.warmup(
            schedules.warm_restarts(init, cycle_steps=7, final=0.1 * init), steps=5
        )
        return schedule(steps)

    for init, row in zip(inits, jax.vmap(rates)(inits), strict=True):
        np.testing.assert_allclose(row, rates(float(init)), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("rule", "factor"), [("linear", 4), ("sqrt", 2)])
def test_the_rate_scales_with_the_batch_or_with_its_root(rule, factor):
    sizes = {"batch_size": 1024, "base_batch_size": 256, "rule": rule}
    assert schedules.scale_for_batch(0.1, **sizes) == pytest.approx(0.1 * factor)
    base = schedules.linear_decay(0.1, steps=10)
    scaled, steps = schedules.scale_for_batch(base, **sizes), jnp.arange(20)
    np.testing.assert_allclose(scaled(steps), factor * base(steps), rtol=1e-6)


def test_linear_scaling_makes_one_update_of_several_to_first_order():
    # On .5 x^2: 1 - k a against (1 - a)^k, which differ by k (k - 1) a^2 / 2 at most.
    for rate in (0.1, 0.01, 0.001):
        big = schedules.scale_for_batch(rate, batch_size=8, base_batch_size=1)
        assert 0 < (1 - rate) ** 8 - (1 - big) <= 28 * rate**2
