import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules


def constant_steps(rule, gradient, *, length):
    def step(state, _):
        updates, state = rule.update(jnp.array(gradient), state)
        return state, updates

    return jax.lax.scan(step, rule.init(jnp.array(gradient)), length=length)[1]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("gradient", (-1e-6, 1.0, 1e6))
def test_almost_adam_starts_with_a_step_of_3_16_rates_whatever_the_gradient(gradient):
    rule = update_rules.adam(0.1, eps=0.0, bias_correction=False)
    (step,) = constant_steps(rule, gradient, length=1)
    assert abs(step) == pytest.approx(0.1 * (1 - 0.9) / np.sqrt(1 - 0.999), rel=1e-12)
    assert abs(step) == pytest.approx(0.31623, rel=1e-4)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("gradient", (-1e-6, 1.0, 1e6))
def test_the_correction_makes_every_step_of_a_constant_gradient_one_rate(gradient):
    steps = constant_steps(update_rules.adam(0.1), gradient, length=1000)
    expected = -0.1 * gradient / (abs(gradient) + 1e-8)
    np.testing.assert_allclose(steps, np.full(1000, expected), rtol=1e-10)


def test_the_correction_is_exact_in_float32_too():
    steps = constant_steps(update_rules.adam(1.0), 0.5, length=10)
    np.testing.assert_allclose(steps, -np.ones(10), rtol=5e-7)


@pytest.mark.usefixtures("float64")
def test_a_step_is_bounded_by_the_rate():
    gradients = np.random.default_rng(0).normal(size=(500, 8)) ** 3
    rule = update_rules.adam(0.1, b1=0.9, b2=0.9, eps=0.0)

    def step(state, gradient):
        updates, state = rule.update(gradient, state)
        return state, updates

    _, steps = jax.lax.scan(step, rule.init(gradients[0]), gradients)
    assert 0.05 < np.max(np.abs(steps)) <= 0.1 * (1 + 1e-12)


RATES = {
    "adam": update_rules.adam(0.1),
    "almost_adam": update_rules.adam(0.1, bias_correction=False),
    "eps_root": update_rules.adam(0.1, eps_root=1e-12),
    "rmsprop": update_rules.rmsprop(0.15),
    "adagrad": update_rules.adagrad(0.1),
}


def after_two_steps(start, rule):
    def loss(x):
        return (x[0] - 1) ** 2 + x[1] ** 2

    x, state = start, rule.init(start)
    for _ in range(2):
        updates, state = rule.update(jax.grad(loss)(x), state, x)
        x = optax.apply_updates(x, updates)
    return loss(x)


@pytest.mark.parametrize("name", RATES)
def test_a_rule_has_a_derivative_where_a_gradient_is_zero(name):
    # optax#882.
    gradient = jax.grad(after_two_steps)(jnp.zeros(2), RATES[name])
    assert jnp.isfinite(gradient).all() and gradient[1] == 0 != gradient[0]


@pytest.mark.parametrize("eps_root", [0.0, 1e-6, 0.1])
def test_eps_root_is_that_of_optax(eps_root):
    rules = [make(0.1, eps_root=eps_root) for make in (update_rules.adam, optax.adam)]
    x = jnp.array([0.5, -2.0, 1e-4])
    states = [rule.init(x) for rule in rules]
    for scale in (1.0, 0.3, -0.2):
        found = [r.update(scale * x, s) for r, s in zip(rules, states, strict=True)]
        states = [state for _, state in found]
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4)
