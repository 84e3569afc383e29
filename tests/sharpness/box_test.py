import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import sharpness
from lec7.sharpness import measure

KEY = jax.random.key(0)
MINIMUM = np.array([0.5, -2.0, 0.0, 3.0])
FLOOR = 0.3  # the loss at the minimum
CURVATURES = np.array(
    [[1.0, 0.0, 2.0, 5.0], [3.0, 1.0, 2.0, 0.1], [2.0, 1.0, 5.0, 0.6]]
)


def offset(params):
    return params - jnp.asarray(MINIMUM, params.dtype)


def diagonal_quadratic(params, batch):
    """Half (x - c)^T H (x - c), with the mean of the batch as the diagonal of H."""
    return FLOOR + 0.5 * jnp.mean(batch @ offset(params) ** 2)


def dense_quadratic(params, batch):
    return FLOOR + 0.5 * jnp.mean((batch @ offset(params)) ** 2)


def linear(params, batch):
    return jnp.mean(batch @ params)


def tilted_bowl(params, batch):
    """Loss 0 at 0, 0.5 at -1 and 1.5 at 1: both corners are local maxima of the box."""
    return jnp.mean(batch) * jnp.sum(params**2 + 0.5 * params**3)


@pytest.mark.parametrize("steepness", [1e-4, 1.0, 1e3])
@pytest.mark.parametrize("epsilon", [1e-3, 5e-4])
def test_a_diagonal_quadratic_is_worst_in_the_corner(float64, steepness, epsilon):
    radius = epsilon * (np.abs(MINIMUM) + 1)
    hessian = steepness * CURVATURES.mean(axis=0)
    batches = [steepness * CURVATURES[:2], steepness * CURVATURES[2:]]
    sharp = sharpness.keskar(
        diagonal_quadratic, jnp.array(MINIMUM), batches, key=KEY, epsilon=epsilon
    )
    expected = 50 * np.sum(hessian * radius**2) / (1 + FLOOR)
    np.testing.assert_allclose(sharp.value, expected, rtol=1e-6)


def test_ten_iterations_reach_the_corner_at_a_flat_minimum(float64):
    curvatures = np.logspace(-5, -1, 200)

    def loss_fn(params, batch):
        return 0.5 * jnp.mean(batch) * jnp.sum(jnp.asarray(curvatures) * params**2)

    sharp = sharpness.keskar(loss_fn, jnp.zeros(200), [np.ones(2)], key=KEY)
    np.testing.assert_allclose(sharp.value, 50e-6 * curvatures.sum(), rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_dense_quadratic_lies_between_the_bounds(float64, seed):
    examples = np.random.default_rng(seed).normal(size=(6, 4))
    hessian = examples.T @ examples / 6
    radius = 1e-3 * (np.abs(MINIMUM) + 1)
    sharp = sharpness.keskar(
        dense_quadratic, jnp.array(MINIMUM), [examples], key=jax.random.key(seed)
    )
    lower = 50 * np.sum(np.diag(hessian) * radius**2) / (1 + FLOOR)
    upper = 50 * np.linalg.eigvalsh(hessian)[-1] * np.sum(radius**2) / (1 + FLOOR)
    assert lower <= sharp.value <= upper


def test_the_worst_point_of_a_linear_loss_is_exact(float64):
    slope = np.array([[1.0, -2.0, 0.0, 0.5]])
    base = (slope @ MINIMUM).item()
    sharp = sharpness.keskar(linear, jnp.array(MINIMUM), [slope], key=KEY)
    rise = np.sum(1e-3 * (np.abs(MINIMUM) + 1) * np.abs(slope))
    np.testing.assert_allclose(sharp.value, 100 * rise / (1 + base), rtol=1e-9)


@pytest.mark.parametrize("subspace", [1, 3, 4])
def test_a_subspace_has_orthonormal_columns(float64, subspace):
    # With H the identity and x = 0, phi is 50 |A r|^2 = 50 |r|^2 for these alone.
    def bowl(params, batch):
        return 0.5 * jnp.mean(batch) * jnp.sum(params**2)

    sharp = sharpness.keskar(
        bowl, jnp.zeros(4), [np.ones(2)], key=KEY, epsilon=0.1, subspace=subspace
    )
    np.testing.assert_allclose(sharp.value, 50 * subspace * 0.1**2, rtol=1e-9)


def test_the_box_of_a_subspace_is_as_wide_as_the_projected_parameters(float64):
    # One column spans the line of the parameter itself: |A^+ x| = |x|.
    def bowl(params, batch):
        return 0.5 * jnp.mean(batch) * (params - 3.0) ** 2

    sharp = sharpness.keskar(
        bowl, jnp.array(3.0), [np.ones(2)], key=KEY, epsilon=0.1, subspace=1
    )
    np.testing.assert_allclose(sharp.value, 50 * (0.1 * 4) ** 2, rtol=1e-9)


def test_no_point_outside_the_box_is_evaluated(float64):
    radius = 1e-3 * (np.abs(MINIMUM) + 1)

    def walled(params, batch):
        outside = jnp.any(jnp.abs(offset(params)) > radius * (1 + 1e-9))
        return diagonal_quadratic(params, batch) + jnp.where(outside, 1e6, 0.0)

    free, fenced = (
        sharpness.keskar(loss_fn, jnp.array(MINIMUM), [CURVATURES], key=KEY)
        for loss_fn in (diagonal_quadratic, walled)
    )
    assert fenced.value == free.value


@pytest.mark.parametrize("slope", [0.0, -1.0])
def test_neither_a_plain_nor_a_summit_is_sharp(slope):
    def loss_fn(params, batch):
        return 1 + slope * jnp.mean(batch) * jnp.sum(jnp.abs(params))

    sharp = sharpness.keskar(loss_fn, jnp.zeros(3), [np.ones(2)], key=KEY)
    assert sharp.value == 0


def test_more_starts_find_the_higher_corner():
    measures = [
        sharpness.keskar(
            tilted_bowl, jnp.zeros(1), [np.ones(2)], key=KEY, epsilon=1, starts=starts
        )
        for starts in range(1, 7)
    ]
    values = [sharp.value for sharp in measures]
    assert values == sorted(values)
    np.testing.assert_allclose([values[0], values[-1]], [50, 150])
    assert math.isnan(measures[0].standard_error)
    assert 0 < measures[-1].standard_error < 50


def test_unequal_batches_measure_as_one(float64):
    whole, parts = (
        sharpness.keskar(dense_quadratic, jnp.zeros(4), batches, key=KEY)
        for batches in ([CURVATURES], [CURVATURES[:2], CURVATURES[2:]])
    )
    np.testing.assert_allclose(parts.value, whole.value, rtol=1e-9)


def test_the_cost_is_the_number_of_gradients(monkeypatch):
    calls = []
    original = measure.value_and_gradient

    def counted(*args):
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(measure, "value_and_gradient", counted)
    sharp = sharpness.keskar(
        dense_quadratic, jnp.zeros(4), [CURVATURES], key=KEY, starts=2
    )
    assert sharp.cost == len(calls) > 4


def test_the_settings_say_what_the_value_depends_on():
    sharp = sharpness.keskar(
        dense_quadratic,
        jnp.zeros(4),
        [CURVATURES[:2], CURVATURES[2:]],
        key=jax.random.key(7),
        subspace=2,
    )
    assert json.loads(json.dumps(sharp.settings)) == {
        "epsilon": 1e-3,
        "subspace": 2,
        "maximiser": "L-BFGS-B",
        "iterations": 10,
        "start": "uniform in the box",
        "starts": 1,
        "key": [0, 7],
        "dtype": "float32",
        "examples": 3,
    }


def test_two_networks_share_one_compilation():
    traces = []

    def loss_fn(statistics, params, batch):
        traces.append(None)
        return jnp.mean((batch @ params["w"] - statistics) ** 2)

    for scale in (1.0, 2.0):
        sharpness.keskar(
            jax.tree_util.Partial(loss_fn, jnp.array(scale)),
            {"w": scale * jnp.ones(4)},
            [CURVATURES],
            key=KEY,
        )
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 0.0}, "epsilon is 0.0; expected a number > 0"),
        ({"epsilon": math.nan}, "epsilon is nan; expected a number > 0"),
        ({"subspace": 5}, "subspace is 5; expected 1 to 4, the param"),
        ({"subspace": 0}, "subspace is 0; expected 1 to 4, the param"),
        ({"iterations": 0}, "iterations is 0; expected an integer >= 1"),
        ({"starts": 0}, "starts is 0; expected an integer >= 1"),
        ({"batches": []}, "batches is empty"),
        (
            {"params": jnp.full(4, jnp.nan)},
            "params is nan; expected a finite number above -1",
        ),
        (
            {"loss_fn": linear, "params": -jnp.ones(4)},
            "params is -.*; expected a finite number",
        ),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    defaults = {
        "loss_fn": dense_quadratic,
        "params": jnp.zeros(4),
        "batches": [CURVATURES],
        "key": KEY,
    }
    with pytest.raises(ValueError, match=message):
        sharpness.keskar(**defaults | arguments)
