"""The limits of the rules, the valley with known minima, and what is counted."""

import types

import jax
import numpy as np
import optax
import pytest
from experiments._edge_of_stability import claims, rules, study, valley

DECAY, RATE = 0.9, 0.1


@pytest.mark.parametrize("name", ["gradient descent", "heavy ball", "Nesterov"])
def test_a_rule_is_stable_on_a_quadratic_up_to_its_limit_and_no_farther(float64, name):
    rule = rules.RULES[name].make(RATE, DECAY)
    limit = rules.RULES[name].limit(RATE, DECAY)
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
    limits = {name: rule.limit(1.0, 0.9) for name, rule in rules.RULES.items()}
    assert limits == pytest.approx(
        {
            "gradient descent": 2,
            "heavy ball": 3.8,
            "Nesterov": 3.8 / 2.8,
            "Adam": 38,
        }
    )


def settings(**changes):
    return types.SimpleNamespace(
        **{"valley_rate": 0.2, "valley_starts": 3, "valley_updates": 4000} | changes,
        seeds=(0,),
    )


def test_descent_in_the_valley_ends_below_the_limit_and_never_above_the_flow():
    found = valley.descend(settings())
    assert found.limit == pytest.approx(10)
    assert (found.descent <= found.limit).all()
    assert (found.descent <= found.flow + 1e-9).all()


def test_a_small_rate_follows_the_flow_to_its_closed_form():
    found = valley.descend(settings())
    slow = found.flow < 0.7 * found.limit
    np.testing.assert_allclose(
        found.descent[:, slow], np.tile(found.flow[slow], (3, 1)), rtol=0.02
    )


def test_starts_that_have_not_arrived_have_no_curvature():
    assert np.isnan(valley.descend(settings(valley_updates=1)).descent).all()


def test_losses_are_read_where_the_limit_was_first_reached():
    edge = study.Edge(
        limit=2.0,
        updates=np.array([2, 4]),
        sharpness=np.array([[1.0, 3.0], [2.5, 1.0], [1.0, 1.5]]),
        losses=np.array([[8.0, 7, 6, 5], [4, 3, 2, 3], [1, 1, 1, 1]]),
    )
    np.testing.assert_array_equal(claims.loss_at_limit(edge), [5, 2, np.nan])


def test_rises_are_counted_in_the_last_quarter():
    losses = np.tile(np.arange(9.0)[::-1], (2, 1))
    losses = np.concatenate([losses, [[0.0, 1.0, 2.0], [0.0, 1.0, 0.5]]], axis=1)
    edge = study.Edge(2.0, np.arange(1), np.ones((2, 1)), losses)
    np.testing.assert_array_equal(claims.rises(edge), [100, 50])
