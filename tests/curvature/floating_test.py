"""The table of precisions: every function, in every dtype of the parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import curvature, landscape, losses, sharpness
from lec7.curvature import floating

KEY = jax.random.key(0)
DTYPES = ("float16", "bfloat16", "float32", "float64")
RNG = np.random.default_rng(0)
BATCHES = [
    (RNG.normal(size=(size, 5)).astype("float32"), RNG.integers(0, 3, size))
    for size in (12, 8)
]


def outputs(params, batch):
    hidden = jnp.tanh(batch[0] @ params["body"]["kernel"])
    return hidden @ params["head"]["kernel"]


def loss_fn(params, batch):
    return losses.cross_entropy(outputs(params, batch), batch[1]).mean()


def on_outputs(logits, batch):
    return losses.cross_entropy(logits, batch[1]).mean()


def parameters():
    """Numbers that every precision holds exactly, so that all see one point."""
    shapes = {"body": (5, 4), "head": (4, 3)}
    draw = np.random.default_rng(1)
    return {
        name: {"kernel": np.asarray(draw.normal(size=shape) / 2, jnp.bfloat16)}
        for name, shape in shapes.items()
    }


def with_op(function, **settings):
    def measured(params):
        return function(hessian(params), key=KEY, **settings)

    return measured


def hessian(params, **settings):
    return curvature.hessian(loss_fn, params, BATCHES, **settings)


def ones(params):
    return jax.tree.map(jnp.ones_like, params)


def slice_of(params):
    direction = landscape.random_direction(KEY, params)
    alphas = [-1e-3, 0, 1e-3]
    return landscape.slice_1d(loss_fn, params, direction, BATCHES, alphas=alphas)


def interpolation(params):
    return landscape.interpolate(loss_fn, params, ones(params), BATCHES)


def path(params):
    settings = {"key": KEY, "rule": optax.sgd(0.01), "steps": 3}
    found = landscape.bezier_path(loss_fn, params, ones(params), BATCHES, **settings)
    return found.bend


FUNCTIONS = {
    "mean_loss": lambda p: curvature.mean_loss(loss_fn, p, BATCHES),
    "gradient": lambda p: curvature.gradient(loss_fn, p, BATCHES),
    "hessian": lambda p: hessian(p)(ones(p)),
    "reverse": lambda p: hessian(p, mode="reverse_over_reverse")(ones(p)),
    "ggn": lambda p: curvature.ggn(outputs, on_outputs, p, BATCHES)(ones(p)),
    "fisher": lambda p: curvature.fisher(outputs, p, BATCHES)(ones(p)),
    "empirical": lambda p: curvature.empirical_fisher(loss_fn, p, BATCHES)(ones(p)),
    "covariance": lambda p: curvature.gradient_covariance(loss_fn, p, BATCHES)(ones(p)),
    "eigenvalues": lambda p: curvature.top_eigenpairs(hessian(p), 2, key=KEY).values,
    "density": lambda p: with_op(curvature.spectral_density, order=4)(p).grid[0],
    "trace": with_op(curvature.trace),
    "hutchinson": with_op(curvature.trace, method="hutchinson"),
    "diagonal": with_op(curvature.diagonal),
    "frobenius_norm": with_op(curvature.frobenius_norm),
    "slice": slice_of,
    "interpolate": interpolation,
    "bezier_path": path,
} | {
    name: lambda p, take=take: take(loss_fn, p, BATCHES, key=KEY)[:2]
    for name, take in sharpness.MEASURES.items()
}


@pytest.mark.parametrize(
    "dtype", [pytest.param("float16", marks=pytest.mark.slow), "bfloat16"]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision_is_measured_as_the_same_point_in_float32(name, dtype):
    # davda54/sam#7, MeZO#42, TransformerLens#934, pytorch-hessian-eigenthings#34.
    half, single = (
        FUNCTIONS[name](optax.tree.cast(parameters(), kind))
        for kind in (dtype, "float32")
    )
    for ours, expected in zip(*map(jax.tree.leaves, (half, single)), strict=True):
        assert np.asarray(ours).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("name", ["hessian", "gradient", "slice", "trace", "fisher"])
def test_double_precision_is_kept(name, float64):
    found = FUNCTIONS[name](optax.tree.cast(parameters(), "float64"))
    expected = FUNCTIONS[name](optax.tree.cast(parameters(), "float32"))
    for ours, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert np.asarray(ours).dtype == "float64"
        if name != "trace":  # whose probes are drawn in the dtype
            np.testing.assert_allclose(ours, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES[:3])
def test_a_mean_over_many_batches_neither_stalls_nor_overflows(dtype):
    # google/flaxchat#6, optax#1567.
    batches = [jnp.ones(1)] * 600
    params = jnp.ones(2, dtype)

    def loss(p, batch):
        return 200 * jnp.mean(batch).astype(dtype) * jnp.sum(p.astype(dtype))

    np.testing.assert_allclose(curvature.mean_loss(loss, params, batches), 400, 1e-5)
    gradient = curvature.gradient(loss, params, batches)
    np.testing.assert_allclose(gradient, [200, 200], 1e-5)


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e-18, 1.0, 1e21, 1e30])
def test_curvature_on_any_scale_is_that_of_scale_one(size):
    # jax#40541: squares underflow below 1e-19, overflow above 1e19.
    scales = np.array([2, 1, *np.linspace(0, 0.9, 30)])
    weights = jnp.asarray(size * scales, jnp.float32)

    def loss(p, batch):
        return 0.5 * jnp.mean(batch) * jnp.sum(weights * p**2)

    op = curvature.hessian(loss, jnp.ones(32), [jnp.ones(2)], check=True)
    pairs = curvature.top_eigenpairs(op, 2, key=KEY)
    np.testing.assert_allclose(np.float64(pairs.values) / size, [2, 1], rtol=1e-4)
    assert (pairs.residuals < 1e-3).all()
    norm = curvature.frobenius_norm(op, key=KEY)
    np.testing.assert_allclose(
        np.float64(norm.mean) / size, np.linalg.norm(scales), 1e-5
    )
    trace = curvature.trace(op, key=KEY)
    error = np.float64(trace.standard_error) / size
    assert abs(np.float64(trace.mean) / size - scales.sum()) < 4 * error < 4


@pytest.mark.parametrize("size", [1e-30, 1e-22, 1.0, 1e22])
def test_measures_of_gradients_on_any_scale(size):
    def loss(p, batch):
        return size * jnp.mean(batch @ p)

    rows = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    batches, params = [rows[:5], rows[5:]], jnp.ones(3)
    mean = rows.mean(axis=0)
    expected = np.sum((rows - mean) ** 2) / 12 / np.sum(mean**2)
    scale = sharpness.gradient_noise_scale(loss, params, batches, key=KEY).value
    np.testing.assert_allclose(scale, expected, rtol=1e-5)
    norm = sharpness.fisher_rao(loss, params, batches, key=KEY).value
    np.testing.assert_allclose(
        norm, (np.float64(rows).sum(axis=1) ** 2).mean() * size * size, rtol=1e-5
    )


def test_gradients_that_are_alike_have_no_negative_noise():
    def loss(p, batch):
        return jnp.mean(p * 1000 + 1e-3 * p * batch)

    scale = sharpness.gradient_noise_scale(
        loss, jnp.array(1.0), [jnp.array([1.0, -1.0]), jnp.array([0.5])], key=KEY
    )
    assert 0 <= scale.value < 1e-10


def test_a_power_of_two_changes_no_digit():
    rng = np.random.default_rng(0)
    for _ in range(20):
        numbers = rng.normal(size=300) * 10.0 ** rng.uniform(-8, 8)
        tree = {"a": jnp.asarray(numbers, jnp.float32), "b": jnp.ones((2, 2))}
        assert floating.norm(tree) == optax.tree.norm(tree)
    assert floating.norm({}) == 0
    assert floating.norm(jnp.full(4, 60000, jnp.float16)) == 120000


def test_a_vector_of_another_type_is_cast():
    op = curvature.hessian(loss_fn, optax.tree.cast(parameters(), "float32"), BATCHES)
    whole = jax.tree.map(lambda p: jnp.ones(p.shape, jnp.int32), op.params)
    expected = op(ones(op.params))
    jax.tree.map(np.testing.assert_array_equal, op(whole), expected)


def test_the_step_of_a_finite_difference_does_not_grow_with_the_network():
    # scipy#12998: along the top eigenvector the error was 2 % at a norm of 17.
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=s) / s[0] ** 0.5 for s in ((64, 256), (256, 10))]
    params = {
        name: {"kernel": jnp.asarray(kernel, jnp.float32)}
        for name, kernel in zip(("body", "head"), kernels, strict=True)
    }
    batch = (rng.normal(size=(32, 64)).astype("float32"), rng.integers(0, 10, 32))
    exact, near = (
        curvature.hessian(loss_fn, params, [batch], mode=mode)
        for mode in ("forward_over_reverse", "finite_difference")
    )
    pairs = curvature.top_eigenpairs(exact, 1, key=KEY)
    v = jax.tree.map(lambda leaf: leaf[0], pairs.vectors)
    error = optax.tree.norm(optax.tree.sub(near(v), exact(v))) / pairs.values[0]
    assert error < 2e-3
