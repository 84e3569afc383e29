import jax
import numpy as np
import pytest

from lec7 import problems
from lec7.problems import valleys


def test_the_valley_with_11_and_7_is_himmelblaus():
    z = np.random.default_rng(0).normal(size=(2, 10))
    with jax.enable_x64():
        np.testing.assert_array_equal(
            valleys.height(np.array(valleys.HIMMELBLAU), z),
            problems.HIMMELBLAU.function(z),
        )


def test_a_function_is_of_its_seed_alone():
    drawn = valleys.draw(range(20))
    assert np.abs(drawn - valleys.HIMMELBLAU).max() <= 3
    np.testing.assert_array_equal(valleys.draw((7, 3)), drawn[[7, 3]])


@pytest.mark.parametrize("shared", [True, False])
def test_every_function_stands_beside_each_of_its_starts(shared):
    members = valleys.draw(range(3))
    starts = np.random.default_rng(0).normal(size=(3, 4, 2))
    losses = valleys.on_starts(members, starts[0] if shared else starts)
    assert losses.starts.shape == (12, 2)
    for place in range(12):
        which, start = divmod(place, 4)
        exact = starts[0 if shared else which, start]
        np.testing.assert_array_equal(losses.members[place], members[which])
        np.testing.assert_array_equal(losses.starts[place], exact)


def test_a_grid_is_square_and_even():
    grid = valleys.grid(6.0, 3)
    assert {*map(tuple, grid)} == {(x, y) for x in (-6, 0, 6) for y in (-6, 0, 6)}
