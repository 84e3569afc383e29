"""Who leaves the valley of a local minimum."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments import batch_size_escapes as escapes
from lec7 import update_rules
from lec7.problems import noisy_sine


def test_all_examples_stay_in_the_valley_that_single_ones_leave():
    problem = noisy_sine.draw(1, 50)
    valley = noisy_sine.global_basin(problem, escapes.GRID)
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
