"""The architectures: against hand-written networks, and what options may change."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lec7 import losses
from lec7.models import convnet, initialise, mlp, resnet

SHAPE, CLASSES = (8, 8, 1), 3
networks = pytest.mark.parametrize(
    "make",
    [functools.partial(mlp.tiny, CLASSES), functools.partial(convnet.tiny, CLASSES)],
    ids=["mlp", "convnet"],
)


def images(batch=6, shape=SHAPE):
    return np.random.default_rng(0).normal(size=(batch, *shape))


def perturbed(model, shape=SHAPE):
    """Variables of which none has the value it starts with."""
    variables = initialise(model, jax.random.key(0), shape)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: np.asarray(leaf) + 0.1 * rng.uniform(size=leaf.shape), variables
    )


def test_the_mlp_is_the_product_of_its_matrices(float64):
    model = mlp.MLP(CLASSES, widths=(5, 4), activation=jnp.tanh)
    variables, x = perturbed(model), images()
    first, second, head = (
        variables["params"][name] for name in ("Dense_0", "Dense_1", "head")
    )
    hidden = np.tanh(x.reshape(len(x), -1) @ first["kernel"] + first["bias"][None])
    hidden = np.tanh(hidden @ second["kernel"] + second["bias"][None])
    expected = hidden @ head["kernel"] + head["bias"][None]
    logits = jax.jit(functools.partial(model.apply, train=False))(variables, x)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [SHAPE, (9, 6, 3), (9, 2)])
def test_the_convnet_is_made_of_flax_layers(shape, float64):
    axes = len(shape) - 1

    class Reference(nn.Module):
        @nn.compact
        def __call__(self, x):
            norm = functools.partial(nn.BatchNorm, use_running_average=True)
            for channels in (4, 4):
                conv = nn.Conv(channels, (3,) * axes, use_bias=False)
                x = nn.relu(norm()(conv(x)))
                x = nn.max_pool(x, (2,) * axes, (2,) * axes)
            return Classifier(name="classifier")(x.reshape(len(x), -1))

    class Classifier(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.BatchNorm(use_running_average=True)(nn.Dense(8, use_bias=False)(x))
            return nn.Dense(CLASSES, name="head")(nn.relu(x))

    model, x = convnet.tiny(CLASSES), images(shape=shape)
    variables = perturbed(model, shape)
    np.testing.assert_allclose(
        jax.jit(functools.partial(model.apply, train=False))(variables, x),
        jax.jit(Reference().apply)(variables, x),
        rtol=1e-10,
    )


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(convnet.tiny, pool_ratio=2**0.5, pool_regions="fixed"),
        functools.partial(convnet.tiny, pool_ratio=1.5, channel_dropout=0.5),
        functools.partial(resnet.tiny, stochastic_depth=0.5, drop_path=True),
        functools.partial(
            resnet.tiny, block=resnet.bottleneck, large_images=True, projection=True
        ),
    ],
    ids=["fractional", "channel dropout", "drop path", "large"],
)
@pytest.mark.parametrize("sample", [pytest.param(False, marks=pytest.mark.slow), True])
def test_sequences_are_images_that_are_one_pixel_wide(make, sample, float64):
    """Of a kernel only the middle column meets such images; a draw tells no axis."""
    model, x = make(CLASSES), images(shape=(11, 2))
    if sample and getattr(model, "pool_regions", "fixed") == "random":
        model = model.clone(pool_regions="fixed")  # an axis has a draw of its own
    variables = perturbed(model, x.shape[1:])

    def widen(leaf):
        if leaf.ndim != 3:
            return leaf
        kernel = np.random.default_rng(2).normal(size=(len(leaf), *leaf.shape))
        kernel[:, len(leaf) // 2] = leaf
        return kernel

    rngs = {
        stream: jax.random.key(3)
        for stream in ("dropout", "stochastic_depth", "fractional_pool")
    }
    apply = jax.jit(
        functools.partial(model.apply, train=False, sample=sample, rngs=rngs)
    )
    wide = apply(jax.tree.map(widen, variables), x[:, :, None])
    np.testing.assert_allclose(apply(variables, x), wide, rtol=1e-9)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 8, 1), "images of 3x8 pixels; expected at least 4x4 to pool"),
        ((3, 1), "sequences of 3 points; expected at least 4 to pool"),
        ((64,), "expected sequences .* or images .*; use mlp"),
    ],
)
def test_examples_that_a_convnet_cannot_take_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        initialise(convnet.ConvNet(CLASSES), jax.random.key(0), shape)


@networks
@pytest.mark.parametrize(
    "options", [{"axis_name": "devices"}, {"dropout": 0.5}, {"drop_connect": 0.5}]
)
def test_options_that_add_no_parameters_rename_none(make, options):
    make = functools.partial(make, batch_norm="drop_connect" not in options)
    plain, changed = (
        jax.eval_shape(lambda m=model: initialise(m, jax.random.key(0), SHAPE))
        for model in (make(), make(**options))
    )
    assert plain == changed


@networks
def test_a_model_of_many_devices_is_tested_on_one(make):
    variables, x = perturbed(make()), images()
    found, wanted = (
        jax.jit(functools.partial(model.apply, train=False))(variables, x)
        for model in (make(axis_name="devices", dropout=0.5), make())
    )
    np.testing.assert_array_equal(found, wanted)


@networks
def test_a_monte_carlo_pass_samples_and_uses_the_running_statistics(make):
    model, x = make(batch_norm=True, dropout=0.5), images()
    variables = perturbed(model)

    @jax.jit
    def monte_carlo(x, key):
        rngs = {"dropout": key}
        return model.apply(variables, x, train=False, sample=True, rngs=rngs)

    first, second = (monte_carlo(x, jax.random.key(seed)) for seed in range(2))
    assert not np.array_equal(first, second)
    # Position decides the noise, and no example enters another one's statistics.
    alone = monte_carlo(x[:1], jax.random.key(0))
    np.testing.assert_allclose(alone, first[:1], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "stream"),
    [
        ({"channel_dropout": 0.5}, "dropout"),
        ({"drop_connect": 0.5}, "drop_connect"),
        ({"pool_ratio": 1.5, "pool_regions": "pseudorandom"}, "fractional_pool"),
    ],
)
def test_every_regulariser_of_the_convnet_is_one_keyword(options, stream):
    model, x = convnet.tiny(CLASSES, batch_norm=False, **options), images()
    variables = perturbed(model)
    quiet = jax.jit(functools.partial(model.apply, train=False))(variables, x)
    sampled = jax.jit(functools.partial(model.apply, train=True))
    first, second = (
        sampled(variables, x, rngs={stream: jax.random.key(seed)}) for seed in range(2)
    )
    assert len({out.tobytes() for out in map(np.asarray, (quiet, first, second))}) == 3


def test_drop_connect_and_batch_norm_exclude_each_other():
    with pytest.raises(ValueError, match="drop_connect is 0.5 and batch_norm is True"):
        initialise(convnet.tiny(3, drop_connect=0.5), jax.random.key(0), SHAPE)


def test_forward_over_reverse_equals_reverse_over_reverse(float64):
    model, x = convnet.tiny(CLASSES), jnp.asarray(images())
    variables = perturbed(model)
    labels = jnp.arange(len(x)) % CLASSES

    def loss(params):
        logits, _ = model.apply(
            {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
        )
        return jnp.mean(losses.cross_entropy(logits, labels))

    @jax.jit
    def products(params, vector):
        gradient = jax.grad(loss)
        _, forward = jax.jvp(gradient, (params,), (vector,))
        _, pull = jax.vjp(gradient, params)
        return forward, pull(vector)[0]

    params = variables["params"]
    vector = jax.tree.map(jnp.cos, params)
    forward, reverse = products(params, vector)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, atol=1e-12), forward, reverse
    )
    assert max(abs(leaf).max() for leaf in jax.tree.leaves(forward)) > 1e-3
