import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import update_rules


def averages_of(average, iterates):
    """The average after each update, fed with the updates between iterates."""
    iterates = jnp.asarray(iterates)
    updates = jnp.diff(iterates, axis=0)

    def step(carry, update):
        x, state = carry
        update, state = average.update(update, state, x)
        return (x + update, state), update_rules.averaged_params(state)

    start = iterates[0], average.init(iterates[0])
    return jax.lax.scan(step, start, updates)[1]


def test_the_first_average_is_the_first_updated_parameters():
    start, first = jnp.float32([0.1, -3e4]), jnp.float32([0.3, 7e-5])
    rule = update_rules.polyak_average(0.99999)
    _, state = rule.update(first - start, rule.init(start), start)
    actual = update_rules.averaged_params(state)
    np.testing.assert_array_equal(actual, start + (first - start))


@pytest.mark.parametrize("debias", (True, False))
@pytest.mark.parametrize("decay", (0.0, 0.9, 0.999, 0.99999))
def test_a_constant_is_averaged_to_itself_at_every_step(decay, debias):
    constant = np.random.default_rng(0).normal(size=50).astype(np.float32)
    rule = update_rules.polyak_average(decay, debias=debias)
    averages = averages_of(rule, np.tile(constant, (101, 1)))
    np.testing.assert_array_equal(averages, np.tile(constant, (100, 1)))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("decay", (0.5, 0.9, 0.99))
def test_the_average_of_a_ramp_lags_by_decay_over_one_minus_decay(decay):
    ramp = np.arange(3001.0)
    averages = averages_of(update_rules.polyak_average(decay), ramp)
    age = np.arange(3000)
    lag = np.cumsum(age * decay**age) / np.cumsum(decay**age)
    np.testing.assert_allclose(ramp[1:] - averages, lag, atol=1e-9)
    assert lag[-1] == pytest.approx(decay / (1 - decay), rel=1e-6)


@pytest.mark.usefixtures("float64")
def test_the_debiased_average_is_that_of_optax():
    iterates = np.random.default_rng(0).normal(size=(101, 3))
    ema = optax.ema(0.95)
    _, expected = jax.lax.scan(
        lambda state, x: ema.update(x, state)[::-1], ema.init(iterates[0]), iterates[1:]
    )
    actual = averages_of(update_rules.polyak_average(0.95), iterates)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_without_debias_the_initial_parameters_fade_as_the_decay_to_the_t():
    iterates = np.concatenate([[1.0], np.zeros(50)])
    actual = averages_of(update_rules.polyak_average(0.9, debias=False), iterates)
    np.testing.assert_allclose(actual, 0.9 ** np.arange(1, 51), rtol=1e-12)


def test_the_average_of_bfloat16_parameters_moves():
    start = jnp.zeros(2, jnp.bfloat16)
    rule = update_rules.polyak_average(0.999, debias=False)
    _, state = rule.update(start + 1, rule.init(start), start)
    np.testing.assert_allclose(update_rules.averaged_params(state), 0.001, rtol=1e-4)
