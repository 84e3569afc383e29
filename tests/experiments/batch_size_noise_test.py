"""The noise of a mini-batch against exact covariances."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import batch_size_noise as noise
from lec7 import data


def gradients(examples=8, parameters=3):
    """Gradients whose mean is not zero."""
    return 1 + np.random.default_rng(0).normal(size=(examples, parameters))


@pytest.mark.parametrize("size", (1, 2, 5, 8))
def test_a_mini_batch_is_unbiased_and_its_covariance_is_that_of_a_finite_population(
    size,
):
    g = gradients()
    means = [
        g[list(batch)].mean(axis=0) for batch in itertools.combinations(range(8), size)
    ]
    np.testing.assert_allclose(np.mean(means, axis=0), g.mean(axis=0), rtol=1e-12)
    covariance = np.cov(np.asarray(means).T, bias=True)
    expected = np.cov(g.T, bias=True) / size * (8 - size) / 7
    np.testing.assert_allclose(covariance, expected, atol=1e-12)
    power = noise.predicted(noise.trace(g), [size], 8)
    np.testing.assert_allclose(np.trace(covariance), power[0], atol=1e-12)


def test_the_batches_of_an_epoch_average_to_the_gradient_of_all_examples():
    g = gradients()
    order = data.batch_indices(3, 0, 4, batch_size=2, num_examples=8)
    np.testing.assert_allclose(
        g[order].mean(axis=1).mean(axis=0), g.mean(axis=0), rtol=1e-12
    )


def test_the_noise_of_the_batches_of_a_training_is_what_the_formula_says():
    g, sizes = gradients(64, 5), (1, 4, 16, 64)
    measured = noise.measured(g, sizes, draws=8192, seed=0)
    expected = noise.predicted(noise.trace(g), sizes, 64)
    # Relative standard deviation of a mean of 8,192, or 2,048 epochs, below 1 %.
    np.testing.assert_allclose(measured, expected, rtol=0.04, atol=1e-20)


def test_the_gradients_of_single_examples_average_to_that_of_all():
    split = data.Split(
        np.random.default_rng(0).normal(size=(6, 2, 2, 1)).astype(np.float32),
        np.arange(6, dtype=np.int32),
    )
    params = {"w": jnp.arange(4.0), "b": jnp.ones(())}

    def loss_fn(params, batch):
        inside = batch.images.reshape(-1, 4) @ params["w"] + params["b"]
        return jnp.mean((inside - batch.labels) ** 2)

    each = np.asarray(noise.example_gradients(loss_fn)(params, split))
    whole = jax.flatten_util.ravel_pytree(jax.grad(loss_fn)(params, split))[0]
    assert each.shape == (6, 5)
    np.testing.assert_allclose(each.mean(axis=0), whole, rtol=1e-5)
