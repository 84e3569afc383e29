import dataclasses

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lec7 import curvature
from lec7.curvature import operators, placement
from tests.curvature.small_losses import (
    cross_entropy,
    float64_network,
    float64_problem,
    problem,
    split,
)

MODES = {
    "forward_over_reverse": 1e-12,
    "reverse_over_reverse": 1e-12,
    "finite_difference": 1e-8,
}


def relative_error(actual, expected):
    return float(jnp.linalg.norm(actual - expected) / jnp.linalg.norm(expected))


@pytest.mark.parametrize(
    ("name", "mode"),
    [("conv_net", "forward_over_reverse"), *(("mlp", mode) for mode in MODES)],
)
def test_the_operator_is_the_dense_hessian_over_unequal_batches(float64, name, mode):
    loss_fn, params, examples, dense = float64_problem(name)
    op = curvature.hessian(loss_fn, params, split(examples, 4, 8), mode=mode)
    assert op.size == len(dense)
    assert relative_error(op.to_dense(), dense) < MODES[mode]


def test_the_product_does_not_depend_on_the_size_of_the_batches(float64):
    loss_fn, params, examples, _ = float64_problem("mlp")
    v = jax.tree.map(jnp.cos, params)
    whole, *parts = (
        curvature.hessian(loss_fn, params, split(examples, *cuts))(v)
        for cuts in ((), (10,), (3,), (2, 4, 6, 8, 10))
    )
    for part in parts:
        chex.assert_trees_all_close(part, whole, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_float32_products_agree_with_float64(mode):
    loss_fn, params, examples = problem("mlp")
    product = curvature.hessian(loss_fn, params, [examples], mode=mode)(params)
    chex.assert_trees_all_equal_dtypes(product, params)
    with jax.enable_x64():
        _, wide_params, _, dense = float64_problem("mlp")
        expected = dense @ ravel_pytree(wide_params)[0]
        error = relative_error(ravel_pytree(product)[0], expected)
    assert error < (1e-4 if mode == "finite_difference" else 1e-6)


def test_the_operator_is_symmetric():
    loss_fn, params, examples = problem("mlp")
    op = curvature.hessian(loss_fn, params, [examples])
    u, v = jax.tree.map(jnp.cos, params), jax.tree.map(jnp.sin, params)
    left, right = optax.tree.vdot(u, op(v)), optax.tree.vdot(v, op(u))
    assert float(left) == pytest.approx(float(right), rel=1e-5)


def design():
    rng = np.random.default_rng(1)
    return jnp.asarray(rng.normal(size=(9, 4))), rng


def test_linear_regression_has_the_hessian_x_t_x_over_n(float64):
    x, rng = design()
    y = jnp.asarray(rng.normal(size=9))

    def loss_fn(w, batch):
        return jnp.mean((batch[0] @ w - batch[1]) ** 2) / 2

    op = curvature.hessian(loss_fn, jnp.ones(4), split((x, y), 5))
    chex.assert_trees_all_close(op.to_dense(), x.T @ x / 9, atol=1e-14)


def test_logistic_regression_has_the_hessian_x_t_diag_p_1_minus_p_x_over_n(float64):
    x, rng = design()
    y, w = jnp.asarray(rng.choice([-1.0, 1.0], size=9)), jnp.asarray(rng.normal(size=4))

    def loss_fn(w, batch):
        return jnp.mean(nn.softplus(-batch[1] * (batch[0] @ w)))

    dense = curvature.hessian(loss_fn, w, split((x, y), 5)).to_dense()
    p = nn.sigmoid(x @ w)
    expected = jnp.einsum("nd,n,ne->de", x, p * (1 - p), x) / 9
    chex.assert_trees_all_close(dense, expected, atol=1e-14)
    bound = jnp.linalg.norm(x.T @ x, ord=2) / (4 * 9)
    assert jnp.linalg.norm(dense, ord=2) <= bound


def test_softmax_regression_has_a_kronecker_hessian_blind_to_shifts(float64):
    x, rng = design()
    y, w = jnp.asarray(rng.integers(0, 3, 9)), jnp.asarray(rng.normal(size=(3, 4)))

    def loss_fn(w, batch):
        logits = batch[0] @ w.T
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch[1]).mean()

    dense = curvature.hessian(loss_fn, w, split((x, y), 5)).to_dense()
    p = nn.softmax(x @ w.T)
    factor = jax.vmap(jnp.diag)(p) - p[:, :, None] * p[:, None, :]
    outer = x[:, :, None] * x[:, None, :]
    expected = jnp.mean(jax.vmap(jnp.kron)(factor, outer), axis=0)
    chex.assert_trees_all_close(dense, expected, atol=1e-14)
    assert int((jnp.abs(jnp.linalg.eigvalsh(dense)) < 1e-14).sum()) == 4


@jax.custom_vjp
def sine(x):
    return jnp.sin(x)


sine.defvjp(lambda x: (sine(x), x), lambda x, g: (g * jnp.cos(x),))


def sum_of_squared_sines(params, batch):
    return jnp.mean(batch) * jnp.sum(sine(params) ** 2)


def test_a_custom_vjp_forbids_the_default_mode_and_not_the_others(float64):
    params, v, one = jnp.arange(3.0), jnp.ones(3), [jnp.ones(2)]
    with pytest.raises(TypeError, match="custom_vjp"):
        curvature.hessian(sum_of_squared_sines, params, one)(v)
    for mode in ("reverse_over_reverse", "finite_difference"):
        product = curvature.hessian(sum_of_squared_sines, params, one, mode=mode)(v)
        chex.assert_trees_all_close(product, 2 * jnp.cos(2 * params), atol=1e-8)


@pytest.mark.parametrize("mode", MODES)
def test_the_product_is_linear_down_to_the_zero_vector(float64, mode):
    op = curvature.hessian(
        lambda params, batch: jnp.mean(batch) * jnp.sum(params**4),
        jnp.array([1.0, 2.0]),
        [jnp.ones(2)],
        mode=mode,
    )
    for size in (0.0, 1e-9, 1e9):
        product = op(size * jnp.array([1.0, -1.0]))
        expected = size * jnp.array([12.0, -48.0])
        chex.assert_trees_all_close(product, expected, rtol=1e-7)


def test_operators_of_one_network_share_one_compilation():
    traces = []

    def loss_fn(scale, params, batch):
        traces.append(None)
        return jnp.mean((batch @ params["w"]) ** 4) * scale

    def product(value):
        bound = jax.tree_util.Partial(loss_fn, jnp.array(value))
        params = {"w": jnp.array([value, 1.0])}
        op = curvature.hessian(bound, params, [np.full((3, 2), value)] * 2)
        return op({"w": jnp.array([1.0, 0.0])})["w"]

    first = product(1.0)
    count = len(traces)
    second = product(2.0)
    assert len(traces) == count
    # 12 scale (x.w)^2 x_0 x, with x.w = 2 and then 6.
    chex.assert_trees_all_close(
        (first, second), (jnp.full(2, 48.0), jnp.full(2, 3456.0))
    )


def test_the_operator_is_frozen():
    batch = np.ones((2, 3))
    op = curvature.hessian(
        lambda params, batch: jnp.mean((batch @ params) ** 2), jnp.ones(3), [batch]
    )
    before = op(jnp.ones(3))
    batch *= 2
    chex.assert_trees_all_equal(op(jnp.ones(3)), before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        op.params = jnp.zeros(3)


def test_the_operator_is_a_pytree_and_can_be_transformed(quadratic):
    matrix = jnp.array([[2.0, 1.0], [1.0, -3.0]])
    vectors = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    op = quadratic(matrix)
    chex.assert_trees_all_close(jax.vmap(op)(vectors), vectors @ matrix)
    chex.assert_trees_all_close(operators.products(op, vectors), vectors @ matrix)
    chex.assert_trees_all_close(
        jax.jit(lambda op, v: op(v))(op, vectors[1]), matrix.sum(0)
    )


@pytest.mark.parametrize("kind", ["hessian", "ggn", "fisher", "empirical_fisher"])
@pytest.mark.parametrize(
    ("name", "fused"),
    [
        ("mlp", True),
        ("mlp", False),
        ("conv_net", True),
        pytest.param("conv_net", False, marks=pytest.mark.slow),
    ],
)
def test_a_linearised_operator_has_the_same_products(
    float64, monkeypatch, name, kind, fused
):
    loss_fn, params, examples, _ = float64_problem(name)
    model_fn = float64_network(name)[0]
    monkeypatch.setattr(placement, "FUSED", 2**25 if fused else 0)
    functions = {
        "ggn": (model_fn, cross_entropy),
        "fisher": (model_fn,),
    }.get(kind, (loss_fn,))
    op = getattr(curvature, kind)(*functions, params, split(examples, 4, 8))
    linear = operators.linearise(op)
    assert operators.is_one_program(linear) == fused
    assert not operators.is_one_program(op)
    for v in (params, jax.tree.map(jnp.cos, params)):
        chex.assert_trees_all_close(linear(v), op(v), rtol=1e-10, atol=1e-14)


def test_the_network_is_not_walked_again_once_it_is_linearised(float64):
    loss_fn, params, examples, _ = float64_problem("mlp")
    op = curvature.hessian(loss_fn, params, [examples])
    linear = operators.linearise(op)
    assert "tanh" in str(jax.make_jaxpr(op)(params))
    assert "tanh" not in str(jax.make_jaxpr(linear)(params))


def test_what_is_too_large_or_no_derivative_of_itself_is_not_linearised(monkeypatch):
    loss_fn, params, examples = problem("mlp")
    for mode in ("reverse_over_reverse", "finite_difference"):
        op = curvature.hessian(loss_fn, params, [examples], mode=mode)
        assert operators.linearise(op) is op
    op = curvature.hessian(loss_fn, params, [examples])
    monkeypatch.setattr(placement, "KEPT", 100)
    assert operators.linearise(op) is op


@pytest.mark.parametrize("count", [1, 16, 17])
@pytest.mark.parametrize("name", ["mlp", "conv_net"])
def test_many_products_are_those_of_the_dense_matrix(float64, name, count):
    loss_fn, params, examples, dense = float64_problem(name)
    op = curvature.hessian(loss_fn, params, split(examples, 4, 8))
    assert op.loops == (name == "mlp" or jax.default_backend() != "cpu")
    vectors = jax.random.normal(jax.random.key(0), (count, op.size), float)
    found = operators.products(op, vectors)
    chex.assert_trees_all_close(found, vectors @ dense, rtol=1e-10, atol=1e-12)


def test_matrix_products_run_at_the_highest_precision():
    loss_fn, params, examples = problem("conv_net")
    op = curvature.hessian(loss_fn, params, [examples])
    program = str(jax.make_jaxpr(op)(params))
    assert "Precision.HIGHEST" in program
    assert "precision=None" not in program


def mean_square(params, batch):
    return jnp.mean(batch) * sum(jnp.sum(p**2) for p in jax.tree.leaves(params))


def test_parameters_that_have_no_hessian_are_refused():
    params = {"dense": {"kernel": jnp.ones(2), "steps": jnp.array([3])}}
    with pytest.raises(ValueError, match=r"params\['dense'\]\['steps'\] .* int32"):
        curvature.hessian(mean_square, params, [jnp.ones(1)])


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode is 'exact'; expected one of"):
        curvature.hessian(mean_square, jnp.ones(2), [jnp.ones(1)], mode="exact")


@pytest.mark.parametrize(
    ("v", "message"),
    [
        ({"w": np.ones((3, 2))}, r"v\['w'\] has shape .*; expected \(2, 3\)"),
        (np.ones((2, 3)), "v is .*; expected a tree like params"),
    ],
)
def test_a_vector_unlike_the_parameters_is_refused(v, message):
    op = curvature.hessian(mean_square, {"w": jnp.ones((2, 3))}, [jnp.ones(1)])
    with pytest.raises(ValueError, match=message):
        op(v)


def test_a_large_matrix_is_refused_with_the_remedy():
    op = curvature.hessian(mean_square, jnp.ones(4097), [jnp.ones(1)])
    with pytest.raises(ValueError, match="P = 4097: use top_eigenpairs or trace"):
        op.to_dense()


def test_a_vector_is_cast_if_it_is_of_real_numbers():
    op = curvature.hessian(
        lambda p, b: jnp.mean(b) * p @ p / 2, jnp.ones(2), [jnp.ones(2)]
    )
    for dtype in (bool, int, jnp.bfloat16, float):
        np.testing.assert_array_equal(op(jnp.array([1, 0], dtype)), [1, 0])
    with pytest.raises(ValueError, match="the dtype of v is 'complex64'; expected rea"):
        op(jnp.ones(2, complex))


def test_what_is_no_sequence_of_batches_is_refused_at_once():
    with pytest.raises(ValueError, match="^batches is 5; expected a sequence"):
        curvature.hessian(lambda p, b: p, jnp.ones(()), 5)
