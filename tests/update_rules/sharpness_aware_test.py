"""SAM gives its base the gradient at the worst point of a ball."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import losses, models, update_rules

RHO = 0.3


@pytest.mark.usefixtures("float64")
def test_a_step_on_a_quadratic_is_the_gradient_at_the_worst_point():
    matrix = np.array([[3.0, 1.0], [1.0, 2.0]])
    w, gradient = np.array([1.0, -2.0]), matrix @ [1.0, -2.0]
    rule = update_rules.sharpness_aware(update_rules.sgd(0.1), rho=RHO)
    updates, _ = rule.update(
        gradient, rule.init(w), jnp.asarray(w), grad_fn=lambda w: matrix @ w
    )
    worst = w + RHO * gradient / np.linalg.norm(gradient)
    np.testing.assert_allclose(updates, -0.1 * matrix @ worst, rtol=1e-12)


def loss_of(model, images, labels):
    def loss(params):
        logits = model.apply({"params": params}, images, train=True)
        return jnp.mean(losses.cross_entropy(logits, labels))

    return loss


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("base", [optax.sgd(0.1, momentum=0.9), optax.adam(0.01)])
def test_the_trajectory_of_a_network_is_that_of_optax(base):
    rng = np.random.default_rng(0)
    model = models.MLP(num_classes=3, widths=(4,), activation=jnp.tanh)
    start = models.initialise(model, jax.random.key(0), (5,))["params"]
    start = optax.tree.cast(start, jnp.float64)
    images, labels = rng.normal(size=(12, 5)), rng.integers(3, size=12)
    gradient = jax.grad(loss_of(model, images, labels))
    adversary = optax.chain(optax.contrib.normalize(), optax.sgd(RHO))
    pair = (
        (update_rules.sharpness_aware(base, rho=RHO), gradient),
        (
            optax.contrib.sam(base, adversary, opaque_mode=True),
            lambda params, _: gradient(params),
        ),
    )

    def trajectory(rule, grad_fn):
        def step(carry, _):
            params, state = carry
            updates, state = rule.update(
                gradient(params), state, params, grad_fn=grad_fn
            )
            params = optax.apply_updates(params, updates)
            return (params, state), params

        return jax.lax.scan(step, (start, rule.init(start)), length=200)[1]

    ours, theirs = jax.jit(lambda: [trajectory(*rule) for rule in pair])()
    chex.assert_trees_all_close(ours, theirs, rtol=0, atol=1e-10)


def descend(rule, start, grad_fn, steps):
    x, state = start, rule.init(start)
    for _ in range(steps):
        updates, state = rule.update(grad_fn(x), state, x, grad_fn=grad_fn)
        x = optax.apply_updates(x, updates)
    return x


def slope(x):
    return x * (1 + x * x)


def test_without_a_radius_it_is_the_base():
    start = jnp.array([1.0, -0.5])
    base = update_rules.adam(0.1)
    rule = update_rules.sharpness_aware(base, rho=0.0)
    np.testing.assert_array_equal(
        descend(rule, start, slope, 5), descend(base, start, slope, 5)
    )


def test_the_base_decays_the_parameters_and_not_their_perturbation():
    start = jnp.array([2.0, 0.0])
    base = optax.chain(optax.add_decayed_weights(0.5), optax.sgd(1.0))
    rule = update_rules.sharpness_aware(base, rho=1.0)
    updates, _ = rule.update(
        start, rule.init(start), start, grad_fn=lambda point: 10 * point
    )
    np.testing.assert_allclose(updates, [-(10 * 3.0 + 0.5 * 2.0), 0.0])


@pytest.mark.usefixtures("float64")
def test_a_base_that_looks_ahead_perturbs_there():
    decay, rate = 0.5, 0.1
    base = update_rules.nesterov_lookahead(rate, decay=decay)
    actual = descend(
        update_rules.sharpness_aware(base, rho=RHO), jnp.array([1.0, -0.5]), slope, 5
    )
    x, velocity = np.array([1.0, -0.5]), np.zeros(2)
    for _ in range(5):
        ahead = x + decay * velocity
        worst = ahead + RHO * slope(ahead) / np.linalg.norm(slope(ahead))
        velocity = decay * velocity - rate * slope(worst)
        x = x + velocity
    np.testing.assert_allclose(actual, x, rtol=1e-12)


def test_around_an_accumulation_every_batch_has_its_own_perturbation():
    batches = np.array([[1.0, 2.0], [-2.0, 0.5], [0.5, -3.0]])
    base = optax.MultiSteps(update_rules.sgd(0.1), every_k_schedule=3)
    rule = update_rules.sharpness_aware(base.gradient_transformation(), rho=RHO)
    w = start = jnp.array([1.0, -0.5])
    state = rule.init(w)
    sharp = []
    for batch in batches:
        gradient = slope(start - batch)
        updates, state = rule.update(
            gradient, state, w, grad_fn=lambda w, batch=batch: slope(w - batch)
        )
        w = optax.apply_updates(w, updates)
        sharp.append(slope(start + RHO * gradient / jnp.linalg.norm(gradient) - batch))
    np.testing.assert_allclose(w, start - 0.1 * np.mean(sharp, axis=0), rtol=1e-5)


def test_a_schedule_is_read_at_the_number_of_steps_taken():
    rule = update_rules.sharpness_aware(
        optax.identity(), rho=lambda step: 0.5 * (step + 1)
    )
    w = jnp.array([1.0])
    state = rule.init(w)
    for expected in (1.5, 2.0, 2.5):
        updates, state = rule.update(w, state, w, grad_fn=lambda point: point)
        np.testing.assert_allclose(updates, [expected])


def test_the_second_gradient_must_be_given():
    rule = update_rules.sharpness_aware(update_rules.sgd(0.1))
    x = jnp.ones(2)
    with pytest.raises(ValueError, match="a second gradient: call update"):
        rule.update(x, rule.init(x), x)
