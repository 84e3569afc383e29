"""Rules are stable on a quadratic up to their limits, and no farther."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import linalg

from experiments import edge_of_stability_rules as rules

CONSTANTS = rules.Constants(decay=0.9, rho=0.1)
RATE = 0.1


def descend(rule, curvatures, start, length):
    """Return the points of a rule on sum_i h_i x_i^2 / 2, [T, n]."""
    rule = optax.with_extra_args_support(rule)

    def step(carry, _):
        x, state = carry
        updates, state = rule.update(
            curvatures * x, state, x, grad_fn=lambda at: curvatures * at
        )
        x = optax.apply_updates(x, updates)
        return (x, state), x

    run = jax.jit(lambda x: jax.lax.scan(step, (x, rule.init(x)), length=length)[1])
    return run(start)


@pytest.mark.parametrize(
    "name", ["gradient descent", "heavy ball", "Nesterov", "gradient flow"]
)
def test_a_rule_is_stable_on_a_quadratic_up_to_its_limit_and_no_farther(float64, name):
    rule = rules.RULES[name].make(RATE, CONSTANTS)
    limit = rules.RULES[name].limit(RATE, CONSTANTS, 1.0)
    curvatures = limit * np.array([0.99, 1.01])
    below, above = np.abs(descend(rule, curvatures, np.ones(2), 4000)[-1])
    assert below < 1e-3
    assert above > 1e3


def test_the_limits_are_those_of_the_literature():
    limits = {
        name: rule.limit(1.0, CONSTANTS, 1e9)  # where SAM is gradient descent
        for name, rule in rules.RULES.items()
    }
    assert limits == pytest.approx(
        {
            "gradient descent": 2,
            "heavy ball": 3.8,
            "Nesterov": 3.8 / 2.8,
            "Adam": 38,
            "SAM": 2,
            "gradient flow": 2.785,
        },
        rel=1e-3,
    )


@pytest.mark.parametrize("rho", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize("norm", [1e-4, 0.5, 100.0])
def test_the_edge_of_sam_is_the_formula_of_long_and_bartlett(rho, norm):
    published = norm / (2 * rho) * (np.sqrt(1 + 8 * rho / (RATE * norm)) - 1)
    found = rules.sam_limit(RATE, rho, norm)
    assert found == pytest.approx(published, rel=1e-6)
    assert RATE * found * (1 + rho * found / norm) == pytest.approx(2)


def test_without_a_radius_the_edge_of_sam_is_that_of_gradient_descent():
    assert rules.sam_limit(RATE, 1e-15, 1.0) == pytest.approx(2 / RATE, rel=1e-12)


@pytest.mark.parametrize("start", [1e-6, 0.02, 5.0])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_sam_on_a_parabola_ends_where_its_curvature_is_at_the_edge(
    float64, start, share
):
    # It jumps between x and -x, |x| = a rho h / (2 - a h), at any h below 2 / a.
    curvature = share * 2 / RATE
    rule = rules.RULES["SAM"].make(RATE, CONSTANTS)
    path = descend(rule, np.array([curvature]), np.array([start]), 2000)[:, 0]
    size = RATE * CONSTANTS.rho * curvature / (2 - RATE * curvature)
    np.testing.assert_allclose(path[-2:], [-path[-1], path[-1]], rtol=1e-9)
    np.testing.assert_allclose(np.abs(path[-1]), size, rtol=1e-9)
    edge = rules.sam_limit(RATE, CONSTANTS.rho, curvature * size)
    assert edge == pytest.approx(curvature, rel=1e-9)


@pytest.mark.parametrize(("share", "grows"), [(0.98, False), (1.02, True)])
def test_one_update_of_sam_grows_an_eigencomponent_above_the_edge(
    float64, share, grows
):
    # The rest of the gradient, along a flat direction, sets the norm.
    norm, flat = 0.7, 1e-9
    edge = rules.sam_limit(RATE, CONSTANTS.rho, norm)
    curvatures, start = np.array([share * edge, flat]), np.array([1e-8, norm / flat])
    after = descend(rules.RULES["SAM"].make(RATE, CONSTANTS), curvatures, start, 1)[0]
    assert after[0] < 0
    assert (abs(after[0]) > start[0]) == grows


def test_runge_kutta_follows_the_flow_of_a_quadratic_to_fourth_order(float64):
    hessian, start = np.array([[3.0, 1.0], [1.0, 0.5]]), np.array([1.0, -2.0])
    end = linalg.expm(-2 * hessian) @ start
    errors = []
    for steps in (20, 40):
        rule, x = rules.runge_kutta(2 / steps), jnp.asarray(start)
        for _ in range(steps):
            updates, _ = rule.update(
                hessian @ x, rule.init(x), x, grad_fn=lambda at: hessian @ at
            )
            x = optax.apply_updates(x, updates)
        errors.append(np.abs(x - end).max())
    assert errors[0] < 1e-4
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.2)
