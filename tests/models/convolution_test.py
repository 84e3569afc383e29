"""The fast convolution and pooling against the ones of lax and Flax."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from lec7.models import convolution


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def check_equal_with_gradients(function, expected, *args):
    """Equal values, and equal gradients for one random output cotangent."""
    cotangent = draw(*jax.eval_shape(expected, *args).shape, seed=1)

    @functools.partial(jax.jit, static_argnums=0)
    def value_and_gradients(function, *args):
        value, pull = jax.vjp(function, *args)
        return value, *pull(cotangent)

    found, wanted = (value_and_gradients(f, *args) for f in (function, expected))
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize(
    ("window", "strides", "size", "padding"),
    [
        ((3, 3), (1, 1), (8, 8), "SAME"),
        ((3, 3), (2, 2), (7, 8), "SAME"),
        ((1, 1), (2, 2), (5, 6), "SAME"),
        ((2, 5), (2, 1), (9, 6), "VALID"),
        ((5, 4), (3, 2), (5, 11), "SAME"),
        ((5, 4), (3, 2), (5, 11), "VALID"),
        ((3, 3), (2, 2), (8, 6), ((1, 1), (1, 1))),
        ((2, 5), (1, 3), (7, 8), ((0, 2), (3, 1))),
        ((3,), (1,), (8,), "SAME"),
        ((5,), (2,), (8,), ((1, 3),)),
    ],
)
def test_convolution_and_its_gradients_equal_those_of_lax(
    window, strides, size, padding, float64
):
    layout = convolution.LAYOUTS[len(size)]
    check_equal_with_gradients(
        functools.partial(convolution.convolve, strides=strides, padding=padding),
        lambda x, kernel: lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=layout
        ),
        draw(2, *size, 3),
        draw(*window, 3, 4),
    )


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("side", "stride"), [((3, 2), (2, 1)), ((3,), (2,))])
def test_the_layer_has_the_parameters_and_outputs_of_flax(side, stride, use_bias):
    x = draw(2, *(7, 6)[: len(side)], 3)
    settings = {"kernel_size": side, "strides": stride, "use_bias": use_bias}
    ours, flax = convolution.Conv(5, **settings), nn.Conv(5, **settings)
    variables = flax.init(jax.random.key(0), x)
    jax.tree.map(
        np.testing.assert_array_equal, ours.init(jax.random.key(0), x), variables
    )
    found, wanted = (jax.jit(layer.apply)(variables, x) for layer in (ours, flax))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_layer_computes_in_the_dtype_that_it_is_given():
    x = draw(2, 7, 6, 3)
    layer = convolution.Conv(5, dtype=jnp.bfloat16)
    variables = layer.init(jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    y = layer.apply(variables, x)
    assert y.dtype == jnp.bfloat16
    exact = convolution.Conv(5).apply(variables, x)
    np.testing.assert_allclose(y.astype(jnp.float32), exact, atol=0.03)


@pytest.mark.parametrize(("backend", "native"), [("cpu", False), ("gpu", True)])
def test_only_an_accelerator_runs_the_native_convolution(backend, native, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x, kernel = draw(1, 4, 4, 1), draw(3, 3, 1, 2)
    convolve = functools.partial(convolution.convolve, strides=(1, 1), padding="SAME")
    assert (
        "conv_general_dilated" in str(jax.make_jaxpr(convolve)(x, kernel))
    ) == native


@pytest.mark.parametrize(
    ("window", "stride", "padding"), [(2, 2, 0), (3, 2, 0), (3, 2, 1), (5, 1, 3)]
)
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (9,)])
def test_pooling_and_its_gradient_equal_those_of_flax(
    window, stride, padding, size, float64
):
    check_equal_with_gradients(
        functools.partial(
            convolution.max_pool, window=window, stride=stride, padding=padding
        ),
        lambda x: nn.max_pool(
            x,
            (window,) * len(size),
            (stride,) * len(size),
            [(padding, padding)] * len(size),
        ),
        draw(2, *size, 3) - 5,
    )


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 4), {}, "images of 1x4 pixels; expected at least 2x2 to pool"),
        ((1, 4), {"window": 5, "padding": 1}, "1x4 pixels; expected at least 3x3"),
        ((1,), {}, "sequences of 1 points; expected at least 2 to pool: use larger"),
    ],
)
def test_examples_smaller_than_the_window_are_named(shape, options, message):
    with pytest.raises(ValueError, match=message):
        convolution.max_pool(jnp.ones((1, *shape, 1)), **options)


@pytest.mark.parametrize("shape", [(64,), (2, 3, 4, 5)])
def test_a_convolution_of_neither_sequences_nor_images_says_what_to_use(shape):
    message = (
        r"examples of shape \[.*\] in a convolution; expected sequences \[B, L, C\] or "
        r"images \[B, H, W, C\]; use mlp"
    )
    with pytest.raises(ValueError, match=message):
        convolution.Conv(2).init(jax.random.key(0), jnp.ones((1, *shape)))
