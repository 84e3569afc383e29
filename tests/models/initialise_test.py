"""Initial values: structure, statistics, and members that equal single draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lec7.models import convnet, initialise, layers, mlp

KEY, SHAPE = jax.random.key(0), (8, 8, 1)


@pytest.mark.parametrize(
    "model", [convnet.tiny(3), mlp.tiny(3)], ids=["convnet", "mlp"]
)
def test_the_variables_have_the_structure_of_flax(model):
    flax = jax.eval_shape(lambda: model.init(KEY, jnp.zeros((1, *SHAPE)), train=False))
    ours = jax.eval_shape(lambda: initialise(model, KEY, SHAPE))
    assert ours == flax


def test_kernels_are_truncated_normals_of_the_documented_variance():
    model = mlp.MLP(64, widths=(300, 400))
    params = initialise(model, KEY, (128,))["params"]
    for name, gain in (("Dense_0", 2), ("Dense_1", 2), ("head", 1)):
        kernel = np.asarray(params[name]["kernel"], np.float64)
        variance = gain / kernel.shape[0]
        # The variance of a square is below 2 variance^2 for a truncated normal.
        assert abs(kernel.mean()) < 4 * np.sqrt(variance / kernel.size)
        error = abs(np.mean(kernel**2) - variance)
        assert error < 4 * variance * np.sqrt(2 / kernel.size)
        assert abs(kernel).max() <= 2 * np.sqrt(variance) / 0.8796
        assert abs(kernel).max() > 2 * np.sqrt(variance)


def test_the_fan_in_of_a_convolution_counts_its_window():
    model = convnet.ConvNet(3, channels=(64, 64), batch_norm=False)
    kernel = initialise(model, KEY, SHAPE)["params"]["Conv_1"]["kernel"]
    variance = 2 / (3 * 3 * 64)
    assert abs(np.mean(kernel**2) / variance - 1) < 4 * np.sqrt(2 / kernel.size)


def test_everything_but_kernels_starts_at_its_constant():
    variables = initialise(convnet.tiny(3), KEY, SHAPE)
    expected = {"bias": 0, "scale": 1, "mean": 0, "var": 1}
    found = set()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        name = path[-1].key
        if name != "kernel":
            np.testing.assert_array_equal(leaf, np.full(leaf.shape, expected[name]))
            found.add(name)
    assert found == set(expected)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_members_are_bit_for_bit_what_they_are_alone(wrap):
    model, keys = convnet.ConvNet(10), jax.random.split(KEY, 3)

    def make(key):
        return initialise(model, key, SHAPE)

    together = wrap(jax.vmap(make))(keys)
    for member in range(3):
        jax.tree.map(
            lambda a, b, m=member: np.testing.assert_array_equal(a[m], b),
            together,
            wrap(make)(keys[member]),
        )


def test_the_kernels_of_a_key_are_the_same_with_and_without_batch_norm():
    plain, normed = (
        initialise(mlp.tiny(3, batch_norm=flag), KEY, SHAPE)["params"]
        for flag in (False, True)
    )
    for name in ("Dense_0", "head"):
        np.testing.assert_array_equal(plain[name]["kernel"], normed[name]["kernel"])


def test_every_layer_and_every_key_has_its_own_values():
    first, second = (
        initialise(mlp.MLP(8, widths=(8, 8)), jax.random.key(seed), (8,))["params"]
        for seed in range(2)
    )
    values = np.concatenate(
        [leaf["kernel"].ravel() for leaf in (*first.values(), *second.values())]
    )
    assert len(np.unique(values)) > 0.99 * values.size


def test_a_leaf_without_a_rule_is_named():
    class Unknown(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            x = layers.BatchNorm(use_running_average=not train)(x)
            return x * self.param("temperature", nn.initializers.ones, (1, 1))

    with pytest.raises(ValueError, match="known for params/temperature; expected"):
        initialise(Unknown(), KEY, (4,))


class Attention(nn.Module):
    """Kernels whose shapes do not tell their fan-in."""

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.MultiHeadDotProductAttention(num_heads=8, name="attention")(x, x)
        x = nn.DenseGeneral((4, 32), name="wide")(x)
        return nn.DenseGeneral(3, axis=(-2, -1), name="head")(x).mean(1)


class Scanned(nn.Module):
    """Four layers in one leaf."""

    @nn.compact
    def __call__(self, x, *, train):
        class Layer(nn.Module):
            @nn.compact
            def __call__(self, x, _):
                x = nn.Conv(64, (3, 3), name="conv")(x)
                return nn.relu(nn.Dense(64, name="dense")(x)), None

        scan = nn.scan(
            nn.remat(Layer),
            length=4,
            variable_axes={"params": 0},
            split_rngs={"params": True},
        )
        return scan(name="layers")(x, None)[0]


@pytest.mark.parametrize(
    ("model", "shape", "fans"),
    [
        (
            Attention(),
            (5, 64),
            {
                **{
                    f"attention/{name}": 64 for name in ("query", "key", "value", "out")
                },
                "wide": 64,
                "head": 128 * 2,  # no ReLU follows
            },
        ),
        (Scanned(), (4, 4, 64), {"layers/conv": 9 * 64, "layers/dense": 64}),
    ],
)
def test_the_fan_in_of_attention_and_of_scanned_layers_is_that_of_one(
    model, shape, fans
):
    # keras-team/keras#22789; google/flax#4027.
    variables = initialise(model, KEY, shape)
    structure = jax.eval_shape(
        lambda: model.init(KEY, jnp.zeros((1, *shape)), train=False)
    )
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, structure)
    for path, fan_in in fans.items():
        layer = variables["params"]
        for name in path.split("/"):
            layer = layer[name]
        kernel = np.asarray(layer["kernel"], np.float64)
        error = abs(np.mean(kernel**2) * fan_in / 2 - 1)
        assert error < 4 * np.sqrt(2 / kernel.size), path


def test_a_fan_in_that_cannot_be_known_is_refused():
    class Unknown(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            return x @ self.param("kernel", nn.initializers.ones, (2, 4, 4))

    with pytest.raises(ValueError, match=r"fan-in of params/kernel is not known"):
        initialise(Unknown(), KEY, (2, 4))
