import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import update_rules

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("gradient", (-1e-3, 5.0))
@pytest.mark.parametrize(("decay", "first"), [(0.9, 3.1623), (0.99, 10.0)])
def test_a_constant_gradient_gives_steps_from_large_down_to_the_rate(
    gradient, decay, first
):
    rule = update_rules.rmsprop(0.1, decay=decay, eps=0.0)

    def step(state, _):
        updates, state = rule.update(jnp.array(gradient), state)
        return state, updates

    _, steps = jax.lax.scan(step, rule.init(0.0), length=2000)
    t = np.arange(1, 2001)
    expected = -0.1 * np.sign(gradient) / np.sqrt(1 - decay**t)
    np.testing.assert_allclose(steps, expected, rtol=1e-10)
    assert abs(steps[0]) == pytest.approx(first * 0.1, rel=1e-4)
    assert abs(steps[-1]) == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize(
    ("eps_in_sqrt", "denominator"),
    [(False, np.sqrt(0.025) + 0.01), (True, np.sqrt(0.025 + 0.01))],
)
def test_the_first_step_shows_where_eps_is(eps_in_sqrt, denominator):
    gradient = jnp.array(0.5)
    rule = update_rules.scale_by_rmsprop(decay=0.9, eps=0.01, eps_in_sqrt=eps_in_sqrt)
    update, _ = rule.update(gradient, rule.init(gradient))
    assert update == pytest.approx(0.5 / denominator, rel=1e-12)
