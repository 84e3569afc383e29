import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from lec7 import sharpness
from lec7.sharpness import measure

KEY = jax.random.key(0)
HESSIAN = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 0.2]])
POINT = np.array([0.3, -1.0, 2.0])


def quadratic(params, batch):
    """Half w^T H w, with H the mean of the batch."""
    return 0.5 * params @ jnp.mean(batch, axis=0) @ params


def linear(params, batch):
    return jnp.mean(batch @ params)


def slopes(count):
    return np.random.default_rng(0).normal(size=(count, 3))


def worst_rise(hessian, gradient, rho):
    """Solve (H - s) e = -g, |e| = rho, s > lam_max: the maximum over the ball."""
    values, vectors = np.linalg.eigh(hessian)
    g = vectors.T @ gradient

    def excess(s):
        return np.linalg.norm(g / (s - values)) - rho

    s = optimize.brentq(excess, values[-1] + 1e-12, values[-1] + 1e6, xtol=1e-14)
    e = g / (s - values)
    return g @ e + 0.5 * e @ (values * e)


@pytest.mark.parametrize("rho", [1e-3, 0.05, 2.0])
def test_one_step_on_a_quadratic_is_exact(float64, rho):
    batches = [np.stack([0.5 * HESSIAN, 1.5 * HESSIAN]), HESSIAN[None]]
    sharp = sharpness.sam_sharpness(
        quadratic, jnp.array(POINT), batches, key=KEY, rho=rho
    )
    g = HESSIAN @ POINT
    expected = rho * np.linalg.norm(g) + 0.5 * rho**2 * g @ HESSIAN @ g / (g @ g)
    np.testing.assert_allclose(sharp.value, expected, rtol=1e-12)


@pytest.mark.parametrize("rho", [0.05, 2.0])
def test_many_steps_reach_the_worst_point_of_the_ball(float64, rho):
    sharp = sharpness.sam_sharpness(
        quadratic, jnp.array(POINT), [HESSIAN[None]], key=KEY, rho=rho, steps=60
    )
    expected = worst_rise(HESSIAN, HESSIAN @ POINT, rho)
    np.testing.assert_allclose(sharp.value, expected, rtol=1e-10)


def test_many_steps_near_a_minimum_find_the_largest_eigenvalue(float64):
    sharp = sharpness.sam_sharpness(
        quadratic, jnp.array(1e-9 * POINT), [HESSIAN[None]], key=KEY, rho=0.1, steps=60
    )
    largest = np.linalg.eigvalsh(HESSIAN)[-1]
    np.testing.assert_allclose(sharp.value, 0.5 * largest * 0.1**2, rtol=1e-6)


def test_further_steps_never_lower_the_value(float64):
    def rugged(params, batch):
        return jnp.mean(batch) * jnp.sum(jnp.sin(7 * params))

    values = [
        sharpness.sam_sharpness(
            rugged, jnp.array(POINT), [np.ones(2)], key=KEY, rho=0.7, steps=steps
        ).value
        for steps in range(1, 5)
    ]
    assert values == sorted(values)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("m", [None, 1])
def test_a_zero_gradient_has_no_sharpness(dtype, m):
    params = {"a": jnp.zeros(3, dtype), "b": jnp.zeros((), dtype)}

    def loss_fn(params, batch):
        return jnp.mean(batch * params["b"] ** 2) + jnp.sum(params["a"] ** 2)

    sharp = sharpness.sam_sharpness(
        loss_fn, params, [jnp.ones(2, dtype)], key=KEY, steps=2, m=m
    )
    assert sharp.value == 0
    assert sharp.settings["dtype"] == dtype


def test_the_square_of_a_small_gradient_may_underflow():
    batch = np.array([[3e-30, 4e-30, 0.0]], np.float32)
    sharp = sharpness.sam_sharpness(linear, jnp.zeros(3), [batch], key=KEY, rho=0.5)
    np.testing.assert_allclose(sharp.value, 0.5 * 5e-30, rtol=1e-6)


def test_m_of_one_is_the_mean_length_of_the_gradients(float64):
    batches = [slopes(7)[:4], slopes(7)[4:]]
    sharp = sharpness.sam_sharpness(
        linear, jnp.array(POINT), batches, key=KEY, rho=0.1, m=1
    )
    lengths = 0.1 * np.linalg.norm(slopes(7), axis=1)
    np.testing.assert_allclose(sharp.value, lengths.mean(), rtol=1e-9)
    expected = lengths.std(ddof=1) / math.sqrt(7)
    np.testing.assert_allclose(sharp.standard_error, expected, rtol=1e-9)


def test_m_of_all_examples_is_the_full_batch(float64):
    one, full = (
        sharpness.sam_sharpness(
            linear, jnp.array(POINT), [slopes(6)[:4], slopes(6)[4:]], key=KEY, m=m
        )
        for m in (6, None)
    )
    np.testing.assert_allclose(one.value, full.value, rtol=1e-12)
    assert math.isnan(one.standard_error)
    assert full.standard_error == 0


def test_sharpness_grows_as_sub_batches_are_split(float64):
    values = [
        sharpness.sam_sharpness(
            linear, jnp.array(POINT), [slopes(16)], key=KEY, m=m
        ).value
        for m in (16, 8, 4, 2, 1)
    ]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_examples_that_fill_no_sub_batch_are_left_out():
    def loss_fn(params, batch):
        return jnp.mean(batch) * params

    # Slopes 1, 10 and 100: the rise of the two that are used tells which they are.
    sharp = sharpness.sam_sharpness(
        loss_fn, jnp.array(0.0), [np.array([1.0, 10.0, 100.0])], key=KEY, rho=1.0, m=2
    )
    assert sharp.settings["examples"] == 2
    assert sharp.value in {5.5, 50.5, 55.0}
    np.testing.assert_allclose(sharp.cost, 2 * 2 / 3)


def test_the_key_shuffles_the_examples():
    values = {
        sharpness.sam_sharpness(
            linear, jnp.zeros(3), [slopes(8)], key=jax.random.key(seed), m=4
        ).value
        for seed in range(4)
    }
    assert len(values) > 1


@pytest.mark.parametrize(
    ("steps", "m", "calls"), [(1, None, 2), (3, None, 4), (2, 2, 9)]
)
def test_the_cost_is_the_number_of_gradients(monkeypatch, steps, m, calls):
    spent = []
    original = measure.value_and_gradient

    def counted(loss_fn, params, batches):
        spent.append(measure.examples(batches))
        return original(loss_fn, params, batches)

    monkeypatch.setattr(measure, "value_and_gradient", counted)
    sharp = sharpness.sam_sharpness(
        linear, jnp.zeros(3), [slopes(6)], key=KEY, steps=steps, m=m
    )
    assert len(spent) == calls
    np.testing.assert_allclose(sharp.cost, sum(spent) / 6)


def test_the_settings_say_what_the_value_depends_on():
    sharp = sharpness.sam_sharpness(
        linear, jnp.zeros(3), [slopes(6)], key=jax.random.key(7), m=2
    )
    assert json.loads(json.dumps(sharp.settings)) == {
        "rho": 0.05,
        "steps": 1,
        "m": 2,
        "key": [0, 7],
        "dtype": "float32",
        "examples": 6,
    }


@pytest.mark.parametrize("m", [None, 2])
def test_two_networks_share_one_compilation(m):
    traces = []

    def loss_fn(statistics, params, batch):
        traces.append(None)
        return jnp.mean((batch @ params["w"] - statistics) ** 2)

    for scale in (1.0, 2.0):
        sharpness.sam_sharpness(
            jax.tree_util.Partial(loss_fn, jnp.array(scale)),
            {"w": scale * jnp.ones(3)},
            [slopes(4)],
            key=KEY,
            m=m,
        )
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rho": 0.0}, "rho is 0.0; expected a number > 0"),
        ({"rho": math.nan}, "rho is nan; expected a number > 0"),
        ({"steps": 0}, "steps is 0; expected an integer >= 1"),
        ({"m": 0}, "m is 0; expected 1 to 4, the examples"),
        ({"m": 5}, "m is 5; expected 1 to 4, the examples"),
        ({"batches": []}, "batches is empty"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    defaults = {"batches": [slopes(4)], "key": KEY}
    with pytest.raises(ValueError, match=message):
        sharpness.sam_sharpness(linear, jnp.zeros(3), **defaults | arguments)
