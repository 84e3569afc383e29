"""The limits of the rules, and what is counted along their trainings."""

import jax
import numpy as np
import optax
import pytest

from experiments import edge_of_stability

DECAY, RATE = 0.9, 0.1


@pytest.mark.parametrize("name", ["gradient descent", "heavy ball", "Nesterov"])
def test_a_rule_is_stable_on_a_quadratic_up_to_its_limit_and_no_farther(float64, name):
    rule = edge_of_stability.RULES[name].make(RATE, DECAY)
    limit = edge_of_stability.RULES[name].limit(RATE, DECAY)
    curvatures = limit * np.array([0.99, 1.01])

    def step(carry, _):
        x, state = carry
        updates, state = rule.update(curvatures * x, state, x)
        return (optax.apply_updates(x, updates), state), None

    start = np.ones(2)
    run = jax.jit(lambda x: jax.lax.scan(step, (x, rule.init(x)), length=4000)[0][0])
    below, above = np.abs(run(start))
    assert below < 1e-3
    assert above > 1e3


def test_the_limits_are_those_of_the_literature():
    limits = {
        name: rule.limit(1.0, 0.9) for name, rule in edge_of_stability.RULES.items()
    }
    assert limits == pytest.approx(
        {
            "gradient descent": 2,
            "heavy ball": 3.8,
            "Nesterov": 3.8 / 2.8,
            "Adam": 38,
        }
    )


def test_losses_are_read_where_the_limit_was_first_reached():
    edge = edge_of_stability.Edge(
        limit=2.0,
        updates=np.array([2, 4]),
        sharpness=np.array([[1.0, 3.0], [2.5, 1.0], [1.0, 1.5]]),
        losses=np.array([[8.0, 7, 6, 5], [4, 3, 2, 3], [1, 1, 1, 1]]),
    )
    np.testing.assert_array_equal(
        edge_of_stability._loss_at_limit(edge), [5, 2, np.nan]
    )


def test_rises_are_counted_in_the_last_quarter():
    losses = np.tile(np.arange(9.0)[::-1], (2, 1))
    losses = np.concatenate([losses, [[0.0, 1.0, 2.0], [0.0, 1.0, 0.5]]], axis=1)
    edge = edge_of_stability.Edge(2.0, np.arange(1), np.ones((2, 1)), losses)
    np.testing.assert_array_equal(edge_of_stability._rises(edge), [100, 50])
