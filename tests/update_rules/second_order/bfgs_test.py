import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")


def descend(rule, loss, start, steps):
    """Points and states after each of T updates."""

    def step(carry, _):
        x, state = carry
        value, grad = jax.value_and_grad(loss)(x)
        updates, state = rule.update(
            grad, state, x, value=value, grad=grad, value_fn=loss
        )
        carry = optax.apply_updates(x, updates), state
        return carry, carry

    @jax.jit
    def run(x):
        return jax.lax.scan(step, (x, rule.init(x)), length=steps)[1]

    return jax.device_get(run(jnp.asarray(start, float)))


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def beale(x):
    x, y = x
    powers = zip((1.5, 2.25, 2.625), (1, 2, 3), strict=True)
    return sum((c - x + x * y**n) ** 2 for c, n in powers)


def exact_search():
    """As exact as three evaluations on a quadratic can be."""
    return optax.scale_by_zoom_linesearch(
        30, curv_rtol=1e-13, stepsize_precision=0.0, initial_guess_strategy="one"
    )


@pytest.mark.parametrize("seed", range(3))
def test_exact_searches_on_a_quadratic_learn_the_inverse_hessian(seed):
    generator, size = np.random.default_rng(seed), 5
    basis, _ = np.linalg.qr(generator.normal(size=(size, size)))
    matrix = basis @ np.diag(np.linspace(1, 10, size)) @ basis.T
    start = generator.normal(size=size)
    points, state = descend(
        update_rules.scale_by_bfgs(exact_search()),
        lambda x: 0.5 * x @ matrix @ x,
        start,
        size,
    )
    np.testing.assert_array_equal(state.pairs, np.arange(1, size + 1))
    np.testing.assert_allclose(points[-1], 0, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        state.memory[-1], np.linalg.inv(matrix), rtol=0, atol=1e-10
    )


def test_the_inverse_is_the_textbook_product():
    points, state = descend(update_rules.bfgs(), rosenbrock, [-1.2, 1.0], 12)
    points = np.concatenate([[[-1.2, 1.0]], points])
    gradients = np.asarray(jax.vmap(jax.grad(rosenbrock))(points))
    inverse = np.eye(2)
    for k, (s, y) in enumerate(
        zip(np.diff(points, axis=0), np.diff(gradients, axis=0), strict=True)
    ):
        if k == 0:
            inverse *= (y @ s) / (y @ y)
        left = np.eye(2) - np.outer(s, y) / (y @ s)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (y @ s)
        np.testing.assert_allclose(state.memory[k], inverse, rtol=1e-8)
        np.testing.assert_allclose(state.memory[k] @ y, s, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("loss", "start", "minimum"),
    [(rosenbrock, [-1.2, 1.0], [1.0, 1.0]), (beale, [1.0, 1.0], [3.0, 0.5])],
    ids=("rosenbrock", "beale"),
)
@pytest.mark.parametrize("make_rule", (update_rules.bfgs, update_rules.lbfgs))
def test_the_minimum_of_a_curved_valley_is_found(make_rule, loss, start, minimum):
    points, state = descend(make_rule(), loss, start, 60)
    np.testing.assert_allclose(points[-1], minimum, rtol=0, atol=1e-8)
    losses = loss(points.T)
    assert np.all(np.diff(losses) <= 1e-15)
    np.testing.assert_allclose(state.search.value, losses, rtol=1e-6, atol=1e-25)


@pytest.mark.parametrize("make_rule", (update_rules.bfgs, update_rules.lbfgs))
def test_a_rotation_of_the_loss_rotates_the_path(make_rule):
    cosine, sine = np.cos(0.7), np.sin(0.7)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    start = np.array([-1.2, 1.0])
    path, _ = descend(make_rule(), rosenbrock, start, 12)
    turned, _ = descend(
        make_rule(), lambda z: rosenbrock(rotation.T @ z), rotation @ start, 12
    )
    np.testing.assert_allclose(turned, path @ rotation.T, rtol=0, atol=1e-8)
