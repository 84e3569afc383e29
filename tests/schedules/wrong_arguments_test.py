"""Wrong arguments are named when a schedule is built."""

import math

import pytest

from lec7 import schedules

WRONG = {
    "init": [
        lambda v: schedules.step_decay(v, factor=0.1, every=1),
        lambda v: schedules.exponential_decay(v, rate=0.1),
        lambda v: schedules.inverse_time_decay(v, rate=0.1),
        lambda v: schedules.inverse_sqrt_decay(v),
        lambda v: schedules.linear_decay(v, steps=1),
        lambda v: schedules.cosine_decay(v, steps=1),
        lambda v: schedules.cyclic_cosine(v, cycle_steps=1),
        lambda v: schedules.warm_restarts(v, cycle_steps=1),
    ],
    "rate": [
        lambda v: schedules.exponential_decay(1.0, rate=v),
        lambda v: schedules.inverse_time_decay(1.0, rate=v),
        lambda v: schedules.inverse_sqrt_decay(1.0, rate=v),
    ],
    "final": [
        lambda v: schedules.linear_decay(1.0, steps=1, final=v),
        lambda v: schedules.cosine_decay(1.0, steps=1, final=v),
        lambda v: schedules.warm_restarts(1.0, cycle_steps=1, final=v),
    ],
    "start": [lambda v: schedules.warmup(1.0, steps=1, start=v)],
    "schedule": [lambda v: schedules.warmup(v, steps=1)],
    "base": [lambda v: schedules.scale_for_batch(v, batch_size=1, base_batch_size=1)],
    "factor": [lambda v: schedules.step_decay(1.0, factor=v, every=1)],
}
COUNTS = {
    "every": [lambda v: schedules.step_decay(1.0, factor=0.1, every=v)],
    "steps": [
        lambda v: schedules.linear_decay(1.0, steps=v),
        lambda v: schedules.cosine_decay(1.0, steps=v),
        lambda v: schedules.warmup(1.0, steps=v),
    ],
    "cycle_steps": [
        lambda v: schedules.cyclic_cosine(1.0, cycle_steps=v),
        lambda v: schedules.warm_restarts(1.0, cycle_steps=v),
        lambda v: schedules.snapshot_due(1, cycle_steps=v),
    ],
    "growth": [lambda v: schedules.warm_restarts(1.0, cycle_steps=1, growth=v)],
    "batch_size": [
        lambda v: schedules.scale_for_batch(1.0, batch_size=v, base_batch_size=1)
    ],
    "base_batch_size": [
        lambda v: schedules.scale_for_batch(1.0, batch_size=1, base_batch_size=v)
    ],
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("value", (-0.1, math.nan, math.inf, "fast", None, True, 1j))
def test_a_wrong_rate_is_named_when_the_schedule_is_built(name, value):
    for build in WRONG[name]:
        with pytest.raises(ValueError, match=f"^{name} is .*; expected a .*number "):
            build(value)


def test_a_factor_that_would_let_the_rate_grow_is_refused():
    with pytest.raises(ValueError, match=r"factor is 2; expected a number in \[0, 1\]"):
        schedules.step_decay(1.0, factor=2, every=1)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", (0, -1, 1.0, 2**31, "1", None, True))
def test_a_wrong_count_is_named_when_the_schedule_is_built(name, value):
    for build in COUNTS[name]:
        with pytest.raises(
            ValueError, match=f"^{name} is .*; expected an integer >= 1"
        ):
            build(value)


def test_an_unknown_rule_for_the_batch_is_refused():
    with pytest.raises(
        ValueError, match="rule is 'cube'; expected one of linear, sqrt"
    ):
        schedules.scale_for_batch(0.1, batch_size=2, base_batch_size=1, rule="cube")
