"""A stream's draws depend on seed, step and its own name alone."""

import jax
import numpy as np

from lec7 import randomness, train


def bits(key):
    return np.asarray(jax.random.key_data(key)).tolist()


def test_a_new_stream_leaves_the_draws_of_the_others(monkeypatch):
    before = train.step_keys(jax.random.key(0), 5)
    monkeypatch.setattr(randomness, "STREAMS", (*randomness.STREAMS, "a_new_one"))
    after = train.step_keys(jax.random.key(0), 5)
    assert len(after) == len(before) + 1
    for name, key in before.items():
        assert bits(after[name]) == bits(key)


def test_streams_and_steps_have_keys_of_their_own():
    keys = [
        bits(key)
        for step in range(4)
        for key in train.step_keys(jax.random.key(0), step).values()
    ]
    assert len({tuple(key) for key in keys}) == 4 * len(train.STREAMS)


def test_the_order_of_the_streams_is_the_one_that_recorded_runs_used():
    assert train.STREAMS[:5] == (
        "dropout",
        "drop_connect",
        "fractional_pool",
        "stochastic_depth",
        "augment",
    )
