import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")

START = np.array([-1.2, 1.0, 0.5])


def gradient(x):
    return jnp.sinh(x) + 0.3 * jnp.cos(jnp.sum(x))


def decaying(step):
    return 0.1 * 0.97**step


def trajectory(rule, gradient=gradient):
    """Parameters and states after each of 100 updates."""

    def step(carry, _):
        x, state = carry
        updates, state = rule.update(gradient(x), state, x, grad_fn=gradient)
        carry = optax.apply_updates(x, updates), state
        return carry, carry

    x = jnp.asarray(START)
    return jax.lax.scan(step, (x, rule.init(x)), length=100)[1]


@pytest.mark.parametrize("rate", (0.1, decaying), ids=("constant", "decaying"))
def test_lookahead_and_change_of_variables_agree(rate):
    x, state = trajectory(update_rules.nesterov_lookahead(rate, decay=0.9))
    y, _ = trajectory(update_rules.nesterov(rate, decay=0.9))
    np.testing.assert_allclose(y, x + 0.9 * state.velocity, rtol=0, atol=1e-12)


def test_lookahead_is_the_textbook_loop():
    x, v, loop = START, 0.0, []
    for t in range(100):
        v = 0.9 * v - decaying(t) * np.asarray(gradient(x + 0.9 * v))
        x = x + v
        loop.append(x)
    actual, _ = trajectory(update_rules.nesterov_lookahead(decaying, decay=0.9))
    np.testing.assert_allclose(actual, loop, rtol=0, atol=1e-12)


def test_the_step_of_lookahead_works_at_the_point_looked_at():
    decayed = update_rules.scale_by_nesterov_lookahead(
        optax.chain(
            optax.add_decayed_weights(0.1), optax.scale_by_learning_rate(decaying)
        )
    )
    plain = update_rules.nesterov_lookahead(decaying)
    actual, _ = trajectory(decayed)
    expected, _ = trajectory(plain, lambda x: gradient(x) + 0.1 * x)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "given", ({"params": START}, {"grad_fn": gradient}), ids=("params", "grad_fn")
)
def test_lookahead_says_what_it_needs(given):
    rule = update_rules.nesterov_lookahead(0.1)
    with pytest.raises(ValueError, match="grad_fn=..."):
        rule.update(START, rule.init(START), **given)
