"""Monte-Carlo and deterministic predictors: moments, noise, compilations."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lec7 import ensembles, models, train
from lec7.ensembles import predictors

KEY = jax.random.key(5)
MODEL = models.MLP(num_classes=3, widths=(6,), batch_norm=True, dropout=0.5)
QUIET = MODEL.clone(dropout=0.0)
IMAGES = jax.random.normal(jax.random.key(1), (5, 4))


def initial(seed):
    return models.initialise(MODEL, jax.random.key(seed), (4,))


VARIABLES = initial(0)


@jax.jit
def one_pass(count):
    """Return the probabilities of one noisy pass, an oracle."""
    noise = train.step_keys(KEY, count)
    logits = MODEL.apply(VARIABLES, IMAGES, train=False, sample=True, rngs=noise)
    return nn.softmax(logits)


@pytest.mark.parametrize("passes", [1, 2, 7])
def test_the_moments_are_those_of_the_passes_held_together(passes):
    found = ensembles.monte_carlo(MODEL, VARIABLES, passes=passes, key=KEY)(IMAGES)
    each = np.stack([one_pass(count) for count in range(passes)])
    np.testing.assert_allclose(found.mean, each.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.variance, each.var(0), rtol=1e-4, atol=1e-9)
    assert found.passes == passes


def test_a_network_without_noise_predicts_the_same_in_every_pass():
    found = ensembles.monte_carlo(QUIET, VARIABLES, passes=4, key=KEY)(IMAGES)
    quiet = ensembles.deterministic(MODEL, VARIABLES)(IMAGES)
    logits = MODEL.apply(VARIABLES, IMAGES, train=False)
    np.testing.assert_allclose(quiet.mean, nn.softmax(logits), rtol=1e-6)
    np.testing.assert_allclose(found.mean, quiet.mean, rtol=1e-6)
    np.testing.assert_allclose(found.variance, 0, atol=1e-12)
    assert quiet.passes == 1
    assert not quiet.variance.any()


def test_many_passes_find_the_mean_and_variance_over_all_masks():
    # Two inputs behind dropout have four equally likely masks.
    class Neuron(nn.Module):
        @nn.compact
        def __call__(self, x, *, train, sample=None):
            x = models.Dropout(0.5)(x, train=train, sample=sample)
            return x @ jnp.array([[1.0, -2.0], [0.5, 3.0]])

    x, passes = jnp.array([[0.7, 0.4]]), 1_000
    found = ensembles.monte_carlo(Neuron(), {}, passes=passes, key=KEY)(x)
    masks = np.array(list(itertools.product([0, 2], repeat=2)))
    each = nn.softmax(masks * x @ jnp.array([[1.0, -2.0], [0.5, 3.0]]))
    mean, variance = np.mean(each, axis=0), np.var(each, axis=0)
    fourth = np.mean((each - mean[None]) ** 4, axis=0)
    assert (abs(found.mean[0] - mean) < 4 * np.sqrt(variance / passes)).all()
    error = np.sqrt((fourth - variance**2) / passes)
    assert (abs(found.variance[0] - variance) < 4 * error).all()


def test_members_map_over_the_predictor_and_keep_their_results():
    def predict(variables):
        return ensembles.monte_carlo(MODEL, variables, passes=3, key=KEY)(IMAGES).mean

    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), VARIABLES, initial(1))
    mapped = jax.vmap(predict)(both)
    np.testing.assert_allclose(mapped[0], predict(VARIABLES), rtol=1e-5)
    np.testing.assert_allclose(mapped[1], predict(initial(1)), rtol=1e-5)


def test_one_compilation_serves_all_networks_and_numbers_of_passes():
    predictors._noisy_passes.clear_cache()
    for passes, seed in ((2, 0), (9, 1)):
        ensembles.monte_carlo(MODEL, initial(seed), passes=passes, key=KEY)(IMAGES)
    assert predictors._noisy_passes._cache_size() == 1


def test_half_precision_networks_give_probabilities_in_single_precision():
    half = jax.tree.map(functools.partial(jnp.asarray, dtype=jnp.bfloat16), VARIABLES)
    found = ensembles.deterministic(QUIET, half)(IMAGES.astype(jnp.bfloat16))
    assert found.mean.dtype == jnp.float32


def test_a_network_of_several_devices_predicts_on_one():
    divided = MODEL.clone(axis_name=train.DEVICE_AXIS)
    found, expected = (
        ensembles.monte_carlo(model, VARIABLES, passes=2, key=KEY)(IMAGES)
        for model in (divided, MODEL)
    )
    np.testing.assert_array_equal(found.mean, expected.mean)


def test_no_pass_is_refused():
    with pytest.raises(ValueError, match="passes is 0; expected an integer >= 1"):
        ensembles.monte_carlo(MODEL, VARIABLES, passes=0, key=KEY)


class Plain(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dense(2)(x)


def test_a_model_that_is_not_called_with_a_sample_is_refused():
    with pytest.raises(TypeError, match="Plain.__call__ .* a keyword `sample`"):
        ensembles.monte_carlo(Plain(), {}, passes=2, key=jax.random.key(0))
    with pytest.raises(TypeError, match="Dense.__call__ .* expected a keyword `train`"):
        ensembles.deterministic(nn.Dense(2), {})


def test_no_example_has_no_prediction():
    predict = ensembles.deterministic(Plain(), {})
    with pytest.raises(ValueError, match="images is .* expected one example or more"):
        predict(jnp.ones((0, 3)))
