import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import models, sharpness

LAYER = {"kernel": jnp.ones((1, 1)), "bias": jnp.ones(1)}


@pytest.mark.parametrize(
    ("model", "factors"),
    [
        (models.MLP(num_classes=3, widths=(8, 8)), (4.0, 0.5, 0.5)),
        (
            models.ConvNet(
                num_classes=3, channels=(4, 4), dense=(8,), batch_norm=False
            ),
            (8.0, 2.0, 0.25, 0.25),
        ),
    ],
    ids=("MLP", "ConvNet"),
)
def test_a_rescaled_network_is_the_same_function(model, factors):
    images = jax.random.normal(jax.random.key(0), (6, 8, 8, 1))
    params = models.initialise(model, jax.random.key(1), (8, 8, 1))["params"]
    # Biases that are not zero.
    params = jax.tree.map(lambda leaf: np.asarray(leaf) + np.float32(0.1), params)
    rescaled = sharpness.rescale_layers(params, factors)
    moved = jax.tree.map(lambda a, b: np.any(a != b), params, rescaled)
    assert sum(jax.tree.leaves(moved)) == 2 * len(factors) - 1  # all but the last bias
    apply = jax.jit(lambda p: model.apply({"params": p}, images, train=False))
    logits, same = apply(params), apply(rescaled)
    np.testing.assert_allclose(logits, same, rtol=1e-5, atol=1e-5)


def test_ten_layers_are_in_the_order_of_their_numbers():
    params = {f"Dense_{index}": LAYER for index in range(11)}
    factors = [2.0] * 10 + [2.0**-10]
    rescaled = sharpness.rescale_layers(params, factors)
    biases = [rescaled[f"Dense_{index}"]["bias"].item() for index in range(11)]
    assert biases == [2.0 ** (index + 1) for index in range(10)] + [1.0]


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ((1.0,), r"factors has 1 of them.* each of the 2 layers \['a/', 'b/'\]"),
        ((2.0, 2.0), "the product of factors .* is 4; expected 1"),
        ((-1.0, -1.0), "factors is .*; expected numbers > 0"),
        ((0.0, jnp.inf), "factors is .*; expected numbers > 0"),
    ],
)
def test_factors_that_change_the_function_are_refused(factors, message):
    with pytest.raises(ValueError, match=message):
        sharpness.rescale_layers({"a": LAYER, "b": LAYER}, factors)


def test_a_network_with_batch_norm_is_refused():
    model = models.MLP(num_classes=3, widths=(8,), batch_norm=True)
    params = models.initialise(model, jax.random.key(0), (4,))["params"]
    with pytest.raises(ValueError, match="params has the leaf BatchNorm_0/.*BatchNorm"):
        sharpness.rescale_layers(params, (2.0, 0.5))
