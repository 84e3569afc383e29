"""lec7 and those of its peers that need no torch do the same work."""

import contextlib

import chex
import jax
import numpy as np
import pytest

from benchmarks.cases import curvature, rules, trainings
from lec7 import models, train, update_rules

MODEL = models.MLP(10, widths=(8,))


@pytest.fixture
def work():
    examples = trainings.noise(64, 6)
    return trainings.Work(MODEL, examples, batch_size=16, updates=3, members=2)


def test_a_training_waits_after_each_dispatch_and_can_be_left(work):
    with contextlib.ExitStack() as stack:
        training = work.ours(stack)
        assert [training(), training()] == [3, 6]
        assert training._thread.is_alive()
    assert not training._thread.is_alive()


def test_an_error_of_the_training_arrives(work):
    work.examples = (work.examples[0], work.examples[1] + 10)
    with contextlib.ExitStack() as stack, pytest.raises(ValueError, match="labels"):
        work.ours(stack)()


def test_stock_flax_makes_the_updates_of_train(work):
    run = work.flax(MODEL)
    losses = np.array(run() + run())
    trained = train.train(
        MODEL,
        update_rules.momentum(trainings.RATE, decay=0.9),
        {"train": work.examples},
        steps=6,
        initialise=work.initialise,
        **work.options,
    )
    np.testing.assert_allclose(losses, trained.history["loss"], rtol=1e-5)


def test_adam_by_hand_makes_the_updates_of_the_rule():
    params = {"a": np.linspace(-1, 1, 6, dtype=np.float32), "b": np.ones((2, 2))}
    params = jax.tree.map(np.float32, params)
    gradients = jax.tree.map(lambda leaf: 0.1 * leaf + 0.3, params)
    runs = (
        rules.by_optax(update_rules.adam(rules.RATE), params, gradients),
        rules.by_hand(params, gradients),
    )
    chex.assert_trees_all_close(*(jax.device_get(run()) for run in runs), rtol=1e-5)


def test_a_density_is_apart_from_itself_by_nothing_and_from_one_elsewhere_by_two():
    grid = np.linspace(-10, 10, 2001)
    here = curvature.smoothed(np.array([-5.0, -4.0]), grid, 0.1)
    there = curvature.smoothed(np.array([5.0]), grid, 0.1)
    assert np.trapezoid(here, grid) == pytest.approx(1)
    assert curvature.apart((grid, here), (grid, here)) == 0
    assert curvature.apart((grid, here), (grid, there)) == pytest.approx(2)
