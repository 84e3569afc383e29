import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import problems, update_rules
from lec7.problems import valleys

NEWTON = optax.chain(update_rules.newton(), optax.clip_by_global_norm(1.0))


@pytest.fixture(scope="module")
def himmelblau():
    losses = problems.HIMMELBLAU.from_starts(valleys.grid(6.0, 16))
    return problems.distinct(problems.critical_points(NEWTON, losses, 60))


def test_himmelblau_has_four_minima_four_saddles_and_a_maximum(himmelblau):
    assert np.bincount(himmelblau.negative).tolist() == [4, 4, 1]
    assert len(himmelblau.minima) == 4


@pytest.mark.parametrize(
    ("point", "value", "eigenvalues"),
    [
        ((3.0, 2.0), 0.0, (25.716, 82.284)),
        ((-2.805118, 3.131313), 0.0, (64.84, 80.55)),
        ((-3.779310, -3.283186), 0.0, (70.71, 133.79)),
        ((3.584428, -1.848127), 0.0, (28.69, 105.42)),
        ((-0.270845, -0.923039), 181.6165, None),
        ((-3.07303, -0.08135), 104.015, None),
        ((0.08668, 2.88425), 67.719, None),
        ((3.38515, 0.07385), 13.312, None),
        ((-0.12796, -1.95371), 178.337, None),
    ],
)
def test_himmelblau_has_the_listed_points(himmelblau, point, value, eigenvalues):
    distances = np.linalg.norm(himmelblau.points - point, axis=1)
    place = distances.argmin()
    assert distances[place] < 1e-5
    np.testing.assert_allclose(himmelblau.values[place], value, atol=1e-3)
    if eigenvalues is not None:
        np.testing.assert_allclose(
            himmelblau.eigenvalues[place], eigenvalues, atol=6e-3
        )


def test_newton_solves_a_quadratic_at_once_whatever_its_signs():
    curvatures = np.array([[1.0, 2.0, 3.0], [1.0, -2.0, 3.0], [-1.0, -2.0, -3.0]])
    losses = problems.Family(
        lambda a, z: jnp.dot(a, z**2) / 2, curvatures, np.full((3, 3), 5.0)
    )
    found = problems.critical_points(update_rules.newton(), losses, 1)
    assert found.arrived.all()
    np.testing.assert_allclose(found.eigenvalues, np.sort(curvatures), rtol=1e-12)
    assert found.negative.tolist() == [0, 1, 3]


def test_a_search_that_has_not_arrived_is_left_out():
    losses = problems.HIMMELBLAU.from_starts([(3.1, 2.1), (3.1, 2.1), (0.0, 5.0)])
    found = problems.critical_points(optax.sgd(0.01), losses, 200)
    assert found.arrived[:2].all()
    few = found._replace(arrived=np.array([True, True, False]))
    assert len(problems.distinct(few).points) == 1
    with jax.enable_x64():
        slope = jax.grad(problems.HIMMELBLAU.function)(jnp.asarray(found.points[0]))
    assert np.linalg.norm(slope) < 1e-9


@pytest.mark.parametrize(
    ("end", "place"),
    [((0.1, 0.0), 0), ((2.9, 0.2), 1), ((1.5, 0.0), -1), ((np.nan, 0.0), -1)],
)
def test_an_end_is_at_the_nearest_point_or_at_none(end, place):
    points = ((0.0, 0.0), (3.0, 0.0))
    assert problems.nearest(np.array([end]), points, within=0.5).tolist() == [place]
