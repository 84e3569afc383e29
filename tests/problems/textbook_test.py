import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import problems

pytestmark = pytest.mark.usefixtures("float64")


def at_points(problem, points):
    """Values, gradients and eigenvalues of the Hessian at points [K, 2]."""

    @jax.jit
    @jax.vmap
    def look(point):
        hessian = jax.hessian(problem.function)(point)
        return *jax.value_and_grad(problem.function)(point), hessian

    points = np.reshape(points, (-1, 2)).astype(float)
    heights, gradients, hessians = jax.device_get(look(points))
    return heights, gradients, np.linalg.eigvalsh(hessians)


@pytest.mark.parametrize("problem", problems.PROBLEMS, ids=lambda s: s.name)
def test_minima_and_saddles_are_what_they_are_called(problem):
    heights, gradients, curvatures = at_points(problem, problem.minima)
    np.testing.assert_allclose(gradients, np.zeros_like(gradients), atol=1e-12)
    assert np.all(curvatures > 0)
    np.testing.assert_allclose(heights[:1], np.zeros_like(heights[:1]), atol=1e-12)
    _, gradients, curvatures = at_points(problem, problem.saddles)
    np.testing.assert_allclose(gradients, np.zeros_like(gradients), atol=1e-6)
    if problem is not problems.MONKEY_SADDLE:
        assert np.all(curvatures[:, 0] < 0) and np.all(curvatures[:, 1] > 0)


@pytest.mark.parametrize("problem", problems.PROBLEMS, ids=lambda s: s.name)
def test_the_start_and_the_minima_are_in_sight(problem):
    for x, y in (problem.start, *problem.minima):
        assert problem.x_range[0] < x < problem.x_range[1]
        assert problem.y_range[0] < y < problem.y_range[1]


@pytest.mark.parametrize(
    ("problem", "height"),
    [
        (problems.ROSENBROCK, 24.2),
        (problems.BEALE, 14.203125),
        (problems.HIMMELBLAU, 170.0),
        (problems.TACO_SHELL, (8**2 + 100 * 2**2) / 2),
        (problems.ROTATED_ELLIPSE, (8**2 + 100 * 2**2) / 2),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_loss_at_the_start(problem, height):
    loss = problem.function(jnp.array(problem.start))
    assert loss == pytest.approx(height, rel=1e-12)


@pytest.mark.parametrize(
    ("problem", "curvatures"),
    [
        (problems.taco_shell(30.0), [[1, 30]]),
        (problems.rotated_ellipse(30.0, 1.1), [[1, 30]]),
        (problems.ROSENBROCK, [[0.39936, 1001.60]]),
        (problems.BEALE, [[0.30146, 48.9798]]),
        (
            problems.HIMMELBLAU,
            [[25.716, 82.284], [64.84, 80.55], [70.71, 133.79], [28.69, 105.42]],
        ),
        (problems.DOUBLE_WELL, [[2, 12], [2, 4]]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_curvatures_at_the_minima(problem, curvatures):
    _, _, actual = at_points(problem, problem.minima)
    np.testing.assert_allclose(actual, curvatures, rtol=1e-4)


def test_the_heights_of_himmelblau():
    heights, _, _ = at_points(problems.HIMMELBLAU, problems.HIMMELBLAU.saddles)
    np.testing.assert_allclose(heights, [104.015, 67.719, 13.312, 178.337], rtol=1e-4)
    (top,), (slope,), _ = at_points(problems.HIMMELBLAU, [(-0.270845, -0.923039)])
    assert top == pytest.approx(181.6165, rel=1e-6)
    np.testing.assert_allclose(slope, np.zeros(2), atol=1e-4)


def test_the_saddle_is_steep_up_and_down_and_the_monkeys_is_flat():
    _, _, curvatures = at_points(problems.SADDLE, [(0.0, 0.0)])
    np.testing.assert_array_equal(curvatures, [[-2, 2]])
    _, _, curvatures = at_points(problems.MONKEY_SADDLE, [(0.0, 0.0)])
    np.testing.assert_array_equal(curvatures, [[0, 0]])


def test_the_double_well_is_the_integral_of_a_cubic_with_its_stationary_points():
    x = jnp.linspace(-3.0, 3.0, 25)
    points = jnp.stack([x, jnp.ones_like(x)], axis=1)
    slopes = jax.vmap(jax.grad(problems.DOUBLE_WELL.function))(points)
    np.testing.assert_allclose(slopes[:, 0], (x + 2) * (x + 1) * (x - 2), atol=1e-12)
    np.testing.assert_allclose(slopes[:, 1], np.full(25, 2.0), rtol=1e-12)


def test_turning_an_ellipse_and_its_start_leaves_the_loss_as_it_is():
    aligned, turned = problems.taco_shell(7.0), problems.rotated_ellipse(7.0, 0.8)
    rotation = np.array([[np.cos(0.8), -np.sin(0.8)], [np.sin(0.8), np.cos(0.8)]])
    points = np.random.default_rng(0).normal(size=(2, 20))
    np.testing.assert_allclose(
        turned.function(rotation @ points), aligned.function(points), rtol=1e-12
    )
    np.testing.assert_allclose(turned.start, rotation @ aligned.start, rtol=1e-12)
