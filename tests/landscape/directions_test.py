import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lec7 import landscape

KEY = jax.random.key(0)


def weights(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "conv": {"kernel": rng.normal(size=(3, 3, 2, 5)), "bias": rng.normal(size=5)},
        "dense": {"kernel": rng.normal(size=(4, 3)), "bias": rng.normal(size=3)},
        "norm": {"scale": rng.normal(size=5)},
    }


def params(dtype="float32"):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), weights())


def norms_of(kernel, axes):
    return np.sqrt(np.sum(np.asarray(kernel, np.float64) ** 2, axis=axes))


def relu_net(params, x):
    hidden = jax.nn.relu(
        x @ params["hidden"]["kernel"] + params["hidden"]["bias"][None]
    )
    return hidden @ params["out"]["kernel"] + params["out"]["bias"][None]


def squared_loss(params, batch):
    return jnp.mean((relu_net(params, batch["x"]) - batch["y"]) ** 2)


@pytest.mark.parametrize(("layer", "axes"), [("conv", (0, 1, 2)), ("dense", (0,))])
def test_a_filter_of_the_direction_is_as_long_as_the_filter(layer, axes):
    direction = landscape.random_direction(KEY, params())
    np.testing.assert_allclose(
        norms_of(direction[layer]["kernel"], axes),
        norms_of(weights()[layer]["kernel"], axes),
        rtol=1e-5,
    )


@pytest.mark.parametrize("layer", ["conv", "dense"])
def test_a_layer_of_the_direction_is_as_long_as_the_layer(layer):
    direction = landscape.random_direction(KEY, params(), norm="layer")
    np.testing.assert_allclose(
        norms_of(direction[layer]["kernel"], None),
        norms_of(weights()[layer]["kernel"], None),
        rtol=1e-5,
    )


def test_without_a_norm_the_direction_is_standard_normal():
    kernel = {"kernel": jnp.full((100, 100), 7.0)}
    draw = landscape.random_direction(KEY, kernel, norm="none")["kernel"]
    assert abs(draw.mean()) < 4 / 100
    assert abs(draw.var() - 1) < 4 * np.sqrt(2) / 100


@pytest.mark.parametrize("norm", ["filter", "layer", "none"])
def test_leaves_of_one_axis_do_not_move(norm):
    direction = landscape.random_direction(KEY, params(), norm=norm)
    for leaf in (direction["conv"]["bias"], direction["norm"]["scale"]):
        np.testing.assert_array_equal(leaf, np.zeros(5))


def test_norms_scale_one_draw():
    raw, by_filter, by_layer = (
        landscape.random_direction(KEY, params(), norm=norm)["conv"]["kernel"]
        for norm in ("none", "filter", "layer")
    )
    for scaled in (by_filter / raw, by_layer / raw):
        expected = np.broadcast_to(scaled[:1, :1, :1], scaled.shape)
        np.testing.assert_allclose(scaled, expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_filter_of_zeros_stays(dtype):
    kernel = params(dtype)["dense"]["kernel"].at[:, 1].set(0)
    direction = landscape.random_direction(KEY, {"kernel": kernel})["kernel"]
    assert direction.dtype == "float32"
    np.testing.assert_array_equal(direction[:, 1], np.zeros(4))
    assert jnp.isfinite(direction).all()


def test_the_draw_of_a_leaf_depends_on_key_path_and_shape_alone():
    whole = landscape.random_direction(KEY, params(), norm="none")
    alone = landscape.random_direction(KEY, {"dense": params()["dense"]}, norm="none")
    other = landscape.random_direction(jax.random.key(1), params(), norm="none")
    twins = landscape.random_direction(
        KEY, {"a": params()["dense"], "b": params()["dense"]}, norm="none"
    )
    kernel = whole["dense"]["kernel"]
    np.testing.assert_array_equal(alone["dense"]["kernel"], kernel)
    assert jnp.abs(other["dense"]["kernel"] - kernel).min() > 0
    assert jnp.abs(twins["a"]["kernel"] - twins["b"]["kernel"]).min() > 0


@pytest.mark.parametrize("factor", [0.1, 5.0])
def test_rescaling_the_layers_leaves_the_filter_normalised_curve(float64, factor):
    """The network is the same function before and after, and so is every slice.

    Dinh et al. 2017: ReLU(a z) = a ReLU(z), so (a W1, a b1, W2 / a) computes what
    (W1, b1, W2) does; a direction that scales with the filters scales likewise.
    """
    rng = np.random.default_rng(1)
    network = {
        "hidden": {"kernel": rng.normal(size=(3, 4)), "bias": rng.normal(size=4)},
        "out": {"kernel": rng.normal(size=(4, 2)), "bias": rng.normal(size=2)},
    }
    rescaled = {
        "hidden": jax.tree.map(lambda leaf: leaf * factor, network["hidden"]),
        "out": network["out"] | {"kernel": network["out"]["kernel"] / factor},
    }
    batch = {"x": rng.normal(size=(6, 3)), "y": rng.normal(size=(6, 2))}

    def curve(params, norm):
        params = jax.tree.map(jnp.asarray, params)
        return landscape.slice_1d(
            squared_loss,
            params,
            landscape.random_direction(KEY, params, norm=norm),
            [batch],
            alphas=np.linspace(-1, 1, 7),
        )

    for norm in ("filter", "layer"):
        np.testing.assert_allclose(
            curve(rescaled, norm), curve(network, norm), rtol=1e-12
        )
    raw = np.abs(curve(rescaled, "none") / curve(network, "none") - 1)
    assert raw.max() > 0.1


def test_the_orthogonal_part_and_the_share_along_make_the_direction():
    x = landscape.random_direction(KEY, params())
    y = landscape.random_direction(jax.random.key(1), params())
    across = landscape.orthogonalise(y, x)
    flat_x, flat_y, flat_across = (
        np.asarray(ravel_pytree(tree)[0], np.float64) for tree in (x, y, across)
    )
    np.testing.assert_allclose(flat_across @ flat_x, 0, atol=1e-4)
    along = flat_y - flat_across
    np.testing.assert_allclose(
        along, flat_x * (flat_x @ flat_y) / (flat_x @ flat_x), atol=1e-5
    )


def test_an_unknown_norm_is_named():
    with pytest.raises(
        ValueError, match=r"norm is 'l2'; expected one of filter, layer, none"
    ):
        landscape.random_direction(KEY, params(), norm="l2")


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("norm", ["filter", "layer"])
def test_the_size_of_parameters_is_that_of_the_direction(size, norm):
    weight = size * jnp.array([[3.0, 1.0], [4.0, 2.0]])
    direction = landscape.normalise(jnp.full((2, 2), size), weight, norm=norm)
    expected = landscape.normalise(jnp.ones((2, 2)), weight / size, norm=norm)
    np.testing.assert_allclose(direction / size, expected, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_a_direction_of_any_length_is_taken_out(size):
    rest = landscape.orthogonalise(jnp.array([1.0, 1.0]), jnp.array([size, size]))
    np.testing.assert_allclose(rest, 0, atol=1e-6)


def test_filters_on_the_first_axis_are_scaled_as_those_of_the_transposed_kernel():
    weight = jax.random.normal(KEY, (4, 3))
    drawn = jax.random.normal(jax.random.key(1), (4, 3))
    first = landscape.normalise(drawn, weight, filter_axis=0)
    last = landscape.normalise(drawn.T, weight.T)
    np.testing.assert_allclose(first, last.T, rtol=1e-6)
    direction = landscape.random_direction(KEY, weight, filter_axis=0)
    lengths = (jnp.linalg.norm(leaf, axis=1) for leaf in (direction, weight))
    np.testing.assert_allclose(*lengths, rtol=1e-6)
