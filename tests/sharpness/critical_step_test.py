"""Critical sharpness in closed form, and beside the top eigenvalue of networks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import curvature, sharpness

KEY = jax.random.key(0)
HESSIAN = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
BATCHES = [np.stack([0.5 * HESSIAN, 1.5 * HESSIAN]), HESSIAN[None]]
POINT = np.array([0.3, -1.0, 2.0])


def quadratic(params, batch):
    return 0.5 * params @ jnp.mean(batch, axis=0) @ params


def take(loss_fn, params, batches, **settings):
    return sharpness.critical_sharpness(loss_fn, params, batches, key=KEY, **settings)


@pytest.mark.parametrize("guess", [1e-4, 0.3, 50.0])
def test_on_a_quadratic_it_is_the_rayleigh_quotient_of_the_gradient(float64, guess):
    found = take(quadratic, jnp.asarray(POINT), BATCHES, guess=guess)
    g = HESSIAN @ POINT
    assert found.value == pytest.approx(g @ HESSIAN @ g / (g @ g), rel=1e-9)
    assert found.standard_error == 0


def test_along_the_top_eigenvector_it_is_the_top_eigenvalue(float64):
    values, vectors = np.linalg.eigh(HESSIAN)
    found = take(quadratic, jnp.asarray(vectors[:, -1]), BATCHES)
    assert found.value == pytest.approx(values[-1], rel=1e-9)


def test_along_a_direction_it_is_the_curvature_over_the_slope(float64):
    d = np.array([1.0, 0.0, -1.0])
    found = take(quadratic, jnp.asarray(POINT), BATCHES, direction=jnp.asarray(d))
    slope = HESSIAN @ POINT @ d
    assert found.value == pytest.approx(-(d @ HESSIAN @ d) / slope, rel=1e-9)


def test_a_good_guess_takes_six_losses_and_the_gradient(float64):
    point = jnp.asarray(POINT)
    near = 2 / take(quadratic, point, BATCHES).value
    spent = take(quadratic, point, BATCHES, guess=0.95 * near).cost
    assert spent <= 1 + 7 / 3  # the loss at the point among them


def test_gradient_descent_raises_the_loss_just_above_its_critical_rate(
    float64, network
):
    loss_fn, params, batches = network
    rate = 2 / take(loss_fn, params, batches, tol=1e-4).value
    gradient = curvature.gradient(loss_fn, params, batches)
    start = curvature.mean_loss(loss_fn, params, batches)
    for share, rises in ((0.98, False), (1.02, True)):
        there = optax.tree.add_scale(params, -share * rate, gradient)
        assert (curvature.mean_loss(loss_fn, there, batches) > start) == rises


def test_of_a_network_off_a_minimum_in_the_top_eigenvector_it_is_the_eigenvalue(
    float64, network
):
    loss_fn, params, batches = network
    gradient = curvature.gradient(loss_fn, params, batches)

    def with_minimum(at, batch):  # at the parameters, with the same Hessian
        return loss_fn(at, batch) - optax.tree.vdot(gradient, at)

    op = curvature.hessian(loss_fn, params, batches)
    pairs = curvature.top_eigenpairs(op, 1, key=KEY, tol=1e-8)
    vector = jax.tree.map(lambda leaf: leaf[0], pairs.vectors)
    off = optax.tree.add_scale(params, 1e-4, vector)
    found = take(with_minimum, off, batches)
    assert found.value == pytest.approx(float(pairs.values[0]), rel=1e-3)


@pytest.mark.parametrize(
    ("loss_fn", "value"),
    [
        (lambda w, batch: jnp.mean(batch) * jnp.sum(w), 0.0),  # falls for ever
        (lambda w, batch: jnp.mean(batch) * jnp.sum(w - w), np.nan),  # flat
    ],
)
def test_a_loss_that_never_rises_or_never_falls_has_no_critical_step(loss_fn, value):
    found = take(loss_fn, jnp.ones(2), [jnp.ones(3)])
    np.testing.assert_equal(found.value, value)


def test_what_the_rounding_of_the_loss_hides_has_no_error():
    def loss_fn(params, batch):
        return 1e6 + quadratic(params, batch)

    point = jnp.asarray(1e-3 * POINT, jnp.float32)
    found = take(loss_fn, point, [np.float32(BATCHES[1])])
    assert np.isnan(found.standard_error)


def test_a_direction_along_which_the_loss_rises_is_refused():
    point = jnp.asarray(POINT, jnp.float32)
    with pytest.raises(ValueError, match="the loss rises along direction"):
        take(quadratic, point, BATCHES, direction=point)
