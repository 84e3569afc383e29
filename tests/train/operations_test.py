import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from lec7.train import operations


def count(function, *arguments):
    return operations.products(jax.make_jaxpr(function)(*arguments).jaxpr)


def test_a_batched_product_counts_every_member():
    left, right = jnp.ones((7, 2, 3)), jnp.ones((7, 3, 5))
    assert count(jnp.matmul, left, right) == 7 * 2 * 2 * 3 * 5


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_counts_each_tap_of_each_output(groups):
    images, kernel = jnp.ones((4, 6, 6, 8)), jnp.ones((3, 3, 8 // groups, 10))

    def convolve(images, kernel):
        names = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            images,
            kernel,
            (1, 1),
            "VALID",
            dimension_numbers=names,
            feature_group_count=groups,
        )

    taps = 3 * 3 * 8 // groups
    assert count(convolve, images, kernel) == 2 * (4 * 4 * 4 * 10) * taps


def test_a_loop_counts_as_often_as_it_runs():
    square = jnp.ones((3, 3))

    def power(x):
        return lax.scan(lambda carry, _: (carry @ x, None), x, length=11)[0]

    assert count(jax.jit(power), square) == 11 * 2 * 27


def test_a_gradient_of_a_layer_has_three_products_but_for_its_inputs():
    x, weights = jnp.ones((32, 5)), [jnp.ones((5, 7)), jnp.ones((7, 2))]

    def loss(weights):
        return jnp.sum(jnp.tanh(x @ weights[0]) @ weights[1])

    sizes = np.array([5 * 7, 7 * 2])
    # Nobody asks for the gradient by the inputs of the first layer.
    assert count(jax.grad(loss), weights) == 2 * 32 * (3 * sizes.sum() - sizes[0])
