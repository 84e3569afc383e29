"""The valleys of a noisy sine, and who leaves them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import batch_size_escapes as escapes
from lec7 import update_rules


def test_the_mean_loss_of_the_samples_is_the_one_whose_valley_is_found():
    problem = escapes.samples(0, 50)
    valley = escapes.global_basin(problem)
    assert valley.low < escapes.FREQUENCY < valley.high
    heights = escapes.mean_loss(problem, escapes.GRID)
    assert valley.minimum == heights.min()
    expected = float(escapes.loss(jnp.float32(2.5), problem))
    actual = escapes.mean_loss(problem, np.array([2.5]))[0]
    assert actual == pytest.approx(expected, rel=1e-5)


def test_all_examples_stay_in_the_valley_that_single_ones_leave():
    problem = escapes.samples(1, 50)
    valley = escapes.global_basin(problem)
    starts = np.linspace(6.5, 9, 8)
    assert not valley.holds(starts).any()
    descend = escapes.make_descend(update_rules.sgd(0.4))
    ends = {}
    for size in (1, 50):
        batches = escapes.draw_batches(
            1, len(starts), 1000, batch_size=size, examples=50
        )
        path = descend(jax.tree.map(jnp.float32, problem), jnp.float32(starts), batches)
        assert path.shape == (8, 1001)
        ends[size] = np.asarray(path[:, -1])
    assert not valley.holds(ends[50]).any()
    assert valley.holds(ends[1]).any()
