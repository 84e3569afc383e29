import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature, sharpness

KEY = jax.random.key(0)
HESSIAN = np.array(
    [
        [3.0, 1.0, 0.0, 0.2],
        [1.0, 2.0, 0.5, 0.0],
        [0.0, 0.5, 1.0, 0.1],
        [0.2, 0.0, 0.1, 0.4],
    ]
)
POINT = np.array([0.3, -1.0, 2.0, 0.5])
MINIMUM = np.array([1.0, -2.0, 0.5, 0.1])
# The mean of these is the Hessian, in unequal batches.
BATCHES = [np.stack([0.5 * HESSIAN, 1.5 * HESSIAN]), HESSIAN[None]]
LOSS = 0.5 * POINT @ HESSIAN @ POINT
TRACE = np.trace(HESSIAN)


def quadratic(params, batch):
    """Half w^T H w, with H the mean of the batch."""
    return 0.5 * params @ jnp.mean(batch, axis=0) @ params


def around_minimum(params, batch):
    return quadratic(params - jnp.asarray(MINIMUM), batch)


def linear(params, batch):
    return jnp.mean(batch @ params)


def take(measure, **settings):
    return measure(quadratic, jnp.asarray(POINT), BATCHES, key=KEY, **settings)


def at_minimum(measure, **settings):
    where = around_minimum, jnp.asarray(MINIMUM), BATCHES
    return measure(*where, key=KEY, **settings)


def local_entropy(rho):
    """-F + (P / 2) log(2 pi / gamma), with F of a quadratic in closed form."""
    gamma, eye = rho**-2, np.eye(4)
    inverse = np.linalg.inv(HESSIAN + gamma * eye)
    log_volume = np.linalg.slogdet(HESSIAN / gamma + eye)[1]
    return 0.5 * gamma * POINT @ HESSIAN @ inverse @ POINT + 0.5 * log_volume


@pytest.mark.parametrize(
    ("measure", "settings", "expected"),
    [
        (sharpness.average_case, {"rho": 0.3}, 0.5 * 0.3**2 * TRACE),
        (sharpness.low_pass, {"rho": 0.3}, LOSS + 0.5 * 0.3**2 * TRACE),
        (sharpness.local_entropy, {"rho": 0.5}, local_entropy(0.5)),
        (
            sharpness.adaptive_average_case,
            {"rho": 0.2},
            0.5 * 0.2**2 * POINT**2 @ np.diag(HESSIAN),
        ),
        (
            sharpness.adaptive_average_case,
            {"rho": 0.2, "eta": 0.1},
            0.5 * 0.2**2 * (np.abs(POINT) + 0.1) ** 2 @ np.diag(HESSIAN),
        ),
        (sharpness.pac_bayes_sigma, {"rise": 0.05}, TRACE / (2 * 0.05)),
        (
            sharpness.pac_bayes_sigma,
            {"rise": 0.05, "magnitude_aware": True},
            POINT**2 @ np.diag(HESSIAN) / (2 * 0.05 - 1e-6 * TRACE),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_average_over_noise_is_within_three_standard_errors(
    float64, measure, settings, expected
):
    found = take(measure, draws=200, **settings)
    assert 0 < found.standard_error < 0.15 * expected
    assert abs(found.value - expected) < 3 * found.standard_error


def test_pairs_of_noise_know_their_error(float64):
    # Without pairs the deviation would be rho |g| more than this.
    found = take(sharpness.average_case, rho=0.3, draws=2000)
    deviation = np.sqrt(0.5) * 0.3**2 * np.linalg.norm(HESSIAN)
    np.testing.assert_allclose(
        found.standard_error, deviation / math.sqrt(2000), rtol=0.1
    )


def test_the_error_of_a_bisected_noise_is_that_of_the_rise(float64):
    found = take(sharpness.pac_bayes_sigma, rise=0.05, draws=100)
    rise = take(sharpness.average_case, rho=found.value**-0.5, draws=100)
    np.testing.assert_allclose(rise.value, 0.05, rtol=3e-3)
    np.testing.assert_allclose(
        found.standard_error / found.value, rise.standard_error / rise.value, rtol=1e-6
    )


@pytest.mark.parametrize(("slope", "value"), [(0.0, 0.0), (1e14, math.inf)])
def test_noise_that_nothing_or_everything_disturbs_has_an_end(slope, value):
    def loss_fn(params, batch):
        return jnp.mean(batch) * slope * jnp.sum(jnp.abs(params))

    found = sharpness.pac_bayes_sigma(
        loss_fn, jnp.zeros(2), [np.ones(2)], key=KEY, draws=2
    )
    assert (found.value, found.standard_error) == (value, 0.0)


def test_the_worst_case_around_a_minimum_is_the_top_eigenvalue_in_own_units(float64):
    found = at_minimum(sharpness.adaptive_worst_case, rho=0.1, steps=60)
    weights = np.diag(np.abs(MINIMUM))
    top = np.linalg.eigvalsh(weights @ HESSIAN @ weights)[-1]
    np.testing.assert_allclose(found.value, 0.5 * 0.1**2 * top, rtol=1e-9)


def test_the_worst_case_of_a_linear_loss_is_in_a_corner(float64):
    slopes = np.array([[1.0, -2.0, 0.0, 0.5]])
    found = sharpness.adaptive_worst_case(
        linear, jnp.asarray(POINT), [slopes], key=KEY, norm="linf", rho=0.1, steps=2
    )
    np.testing.assert_allclose(found.value, 0.1 * np.sum(np.abs(slopes * POINT)))


@pytest.mark.parametrize("per", ["element", "filter", "layer"])
def test_the_unit_is_an_element_a_filter_or_a_layer(float64, per):
    kernel = np.array([[1.0, -2.0], [3.0, 0.5]])
    curvatures = np.array([[[1.0, 2.0], [0.1, 3.0]]])
    columns = np.linalg.norm(kernel, axis=0)
    sizes = {
        "element": np.abs(kernel),
        "filter": np.stack([columns, columns]),
        "layer": np.full((2, 2), np.linalg.norm(kernel)),
    }[per]

    def loss_fn(params, batch):
        offset = params["kernel"] - jnp.asarray(kernel)
        return 0.5 * jnp.sum(jnp.mean(batch, axis=0) * offset**2)

    found = sharpness.adaptive_worst_case(
        loss_fn,
        {"kernel": jnp.asarray(kernel)},
        [curvatures],
        key=KEY,
        rho=0.1,
        per=per,
        steps=60,
    )
    worst = np.max(sizes**2 * curvatures[0])
    np.testing.assert_allclose(found.value, 0.5 * 0.1**2 * worst, rtol=1e-6)


def test_more_starts_never_lower_the_value(float64):
    def tilted_bowl(params, batch):
        return jnp.mean(batch) * jnp.sum(params**2 + 0.5 * (params - 1) ** 3)

    found = [
        sharpness.adaptive_worst_case(
            *(tilted_bowl, jnp.ones(1), [np.ones(2)]),
            key=KEY,
            rho=1.0,
            steps=1,
            starts=starts,
        )
        for starts in (1, 8)
    ]
    assert found[0].value <= found[1].value
    assert math.isnan(found[0].standard_error)
    assert found[1].standard_error >= 0


@pytest.mark.slow
def test_the_size_of_the_hessian_is_that_of_the_matrix(float64, network):
    matrix = np.asarray(curvature.hessian(*network).to_dense())
    top = sharpness.hessian_max(*network, key=KEY, tol=1e-9)
    assert top.standard_error == 0
    np.testing.assert_allclose(top.value, np.linalg.eigvalsh(matrix)[-1], rtol=1e-12)
    trace = sharpness.hessian_trace(*network, key=KEY)
    assert abs(trace.value - np.trace(matrix)) < 3 * trace.standard_error
    norm = sharpness.frobenius(*network, key=KEY)
    assert abs(norm.value - np.linalg.norm(matrix)) < 3 * norm.standard_error


def test_a_search_that_was_cut_short_has_no_error(float64, network):
    found = sharpness.hessian_max(*network, key=KEY, max_matvecs=1)
    assert math.isnan(found.standard_error)


def test_the_noise_scale_is_that_of_the_gradients(float64):
    gradients = np.random.default_rng(0).normal(size=(7, 4))
    batches = [gradients[:4], gradients[4:]]
    found = sharpness.gradient_noise_scale(linear, jnp.zeros(4), batches, key=KEY)
    mean = gradients.mean(axis=0)
    expected = np.trace(np.cov(gradients.T, bias=True)) / (mean @ mean)
    np.testing.assert_allclose(found.value, expected, rtol=1e-12)


def test_the_noise_scale_of_a_zero_gradient_is_infinite():
    found = sharpness.gradient_noise_scale(
        linear, jnp.zeros(1), [np.array([[1.0], [-1.0]])], key=KEY
    )
    assert found.value == math.inf


def test_the_settings_say_what_the_value_depends_on():
    found = take(sharpness.pac_bayes_sigma, draws=2)
    assert json.loads(json.dumps(found.settings)) == {
        "rise": 0.1,
        "magnitude_aware": False,
        "draws": 2,
        "antithetic": True,
        "tolerance": 1e-3,
        "key": [0, 0],
        "dtype": "float32",
        "examples": 3,
    }


@pytest.mark.parametrize(
    ("measure", "settings", "message"),
    [
        ("average_case", {"rho": 0.0}, "rho is 0.0; expected a number > 0"),
        ("low_pass", {"rho": math.nan}, "rho is nan; expected a number > 0"),
        ("local_entropy", {"draws": 0}, "draws is 0; expected an integer >= 1"),
        ("adaptive_average_case", {"per": "row"}, "per is 'row'; expected one of"),
        (
            "adaptive_average_case",
            {"eta": -1.0},
            "eta is -1.0; expected a finite number >= 0",
        ),
        ("adaptive_worst_case", {"norm": "l1"}, "norm is 'l1'; expected one of"),
        ("adaptive_worst_case", {"starts": 0}, "starts is 0; expected an integer >= 1"),
        ("pac_bayes_sigma", {"rise": -1.0}, "rise is -1.0; expected a number > 0"),
        ("relative_flatness", {"probes": 0}, "probes is 0; expected an integer >= 1"),
        (
            "relative_flatness",
            {},
            r"layer is None, .* one kernel of \[\]",
        ),
    ],
)
def test_a_wrong_argument_is_named(measure, settings, message):
    with pytest.raises(ValueError, match=message):
        take(getattr(sharpness, measure), **settings)
