"""What all noisy layers share: keys by example, streams apart, rates in range."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lec7.models import layers

KEY, DEVICES = jax.random.key(0), 4
BY_EXAMPLE = {
    "dropout": (functools.partial(layers.Dropout, 0.5), (3, 11)),
    "channel_dropout": (functools.partial(layers.ChannelDropout, 0.5), (3, 11)),
    "drop_connect": (functools.partial(layers.DropConnectDense, 2, 0.5), (11,)),
    "stochastic_depth": (
        functools.partial(layers.StochasticDepth, 0.5, "example", "train"),
        (3, 11),
    ),
}
RNGS = {"dropout": KEY, "drop_connect": KEY, "stochastic_depth": KEY}
by_example = pytest.mark.parametrize("name", BY_EXAMPLE)


@functools.partial(jax.jit, static_argnums=0)
def sampled(layer, variables, x, rngs=RNGS):
    return layer.apply(variables, x, train=True, rngs=rngs)


@functools.cache
def on_devices(name):
    """What equal examples become, [D, B / D, ...], and on one device, [B, ...]."""
    make, shape = BY_EXAMPLE[name]
    x = jnp.ones((16 * DEVICES, *shape))
    variables = {"params": {"kernel": jnp.ones((11, 2)), "bias": jnp.ones(2)}}
    alone = sampled(make(), variables, x)
    layer = make(axis_name="devices")
    shards = x.reshape(DEVICES, -1, *shape)
    mapped = jax.pmap(functools.partial(sampled, layer, variables), "devices")(shards)
    return np.asarray(mapped), np.asarray(alone)


@by_example
def test_the_noise_of_a_batch_does_not_depend_on_the_number_of_devices(name):
    mapped, alone = on_devices(name)
    np.testing.assert_allclose(mapped.reshape(alone.shape), alone, rtol=1e-6)


@by_example
def test_no_two_devices_share_a_mask(name):
    mapped, _ = on_devices(name)
    assert len(np.unique(mapped.reshape(DEVICES, -1), axis=0)) == DEVICES


class Noisy(nn.Module):
    """A layer of every stream, or of one alone; returns what the dropout leaves."""

    others: bool

    @nn.compact
    def __call__(self, x, *, train):
        if self.others:
            pooled = layers.FractionalMaxPool(1.5)(x, train=train)
            hidden = layers.DropConnectDense(3, 0.5)(pooled[:, 0, 0], train=train)
            layers.StochasticDepth(0.5)(hidden, train=train)
        return layers.Dropout(0.5)(x, train=train)


def test_other_streams_leave_the_draws_of_one_bit_for_bit_as_they_were():
    x, (first, *others) = jnp.ones((4, 4, 4, 2)), jax.random.split(KEY, 4)
    alone = sampled(Noisy(False), {}, x, {"dropout": first})
    names = ("drop_connect", "fractional_pool", "stochastic_depth")
    rngs = {"dropout": first, **dict(zip(names, others, strict=True))}
    dense = {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}
    variables = {"params": {"DropConnectDense_0": dense}}
    np.testing.assert_array_equal(sampled(Noisy(True), variables, x, rngs), alone)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.Dropout(1.0), r"dropout rate is 1.0; expected a number in \[0, 1\)"),
        (layers.ChannelDropout(-0.1), "dropout rate is -0.1"),
        (layers.Dropout(0.5, "Inverted"), "dropout mode is 'Inverted'; expected one"),
        (layers.DropConnectDense(2, 1.0), "DropConnect rate is 1.0; expected a number"),
        (
            layers.DropConnectDense(2, 0.5, draws=0),
            "draws is 0; expected an integer >= 1",
        ),
        (
            layers.StochasticDepth(1.1),
            r"depth rate is 1.1; expected a number in \[0, 1\]",
        ),
        (layers.StochasticDepth(0.5, "all"), "granularity is 'all'; expected one of"),
        (layers.StochasticDepth(0.5, scaling="no"), "scaling is 'no'; expected one of"),
        (layers.FractionalMaxPool(2.5), "ratio is 2.5; expected 1 to 2"),
        (layers.FractionalMaxPool(1.5, "even"), "regions is 'even'; expected one of"),
    ],
)
def test_a_wrong_field_is_named(layer, message):
    with pytest.raises(ValueError, match=message):
        layer.init(KEY, jnp.ones((1, 1, 1, 1)), train=False)
