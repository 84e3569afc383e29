"""Any network as a predictor: by its deterministic rule, or by Monte-Carlo passes."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from lec7 import arguments, train
from lec7.ensembles import prediction


def deterministic(model: nn.Module, variables: Mapping[str, Any]) -> prediction.Predict:
    """Return the predictor of one test pass, noise off.

    Args:
      model: `apply(variables, images, train=False)` -> logits [B, K]; hashable, so its
        fields are tuples and no lists.
      variables: `params` and, with BatchNorm, `batch_stats`.

    Returns:
      Images [B, H, W, C], B >= 1, -> a prediction of variance zero.

    Raises:
      TypeError: the model is not called `(x, *, train)`.
    """
    arguments.require_call(model, "train")

    def predict(images):
        arguments.require(len(images) > 0, "images", images, "one example or more")
        mean = _test_pass(model, variables, images)
        return prediction.Prediction(mean, jnp.zeros_like(mean), passes=1)

    return predict


def monte_carlo(
    model: nn.Module, variables: Mapping[str, Any], *, passes: int, key: jax.Array
) -> prediction.Predict:
    """Return the predictor that averages noisy test passes.

      mean = 1/T sum_t p_t,   p_t = softmax(f(x; noise_t)),   t = 1 .. T

    The noise of pass t is that of step t under the streams of `lec7.train`, the same
    however many passes follow, and what a layer draws for every example goes by its
    position in the batch. Passes are made one after another, and only the moments are
    held; their number does not enter the compilation, which all networks of a model
    share.

    Args:
      model: `apply(variables, images, train=False, sample=True)` -> logits [B, K];
        hashable, so its fields are tuples and no lists. The mapped axis of its
        `axis_name`, if it has one, need not exist.
      variables: `params` and, with BatchNorm, `batch_stats`.
      passes: T, >= 1.
      key: typed key [].

    Returns:
      Images [B, H, W, C] -> prediction. It may be mapped over `variables` and `key`.

    Raises:
      TypeError: the model is not called `(x, *, train, sample)`.
      ValueError: `passes` is below 1.

    Example:
      >>> from lec7 import models
      >>> model = models.MLP(num_classes=2, widths=(64,), dropout=0.5)
      >>> variables = models.initialise(model, jax.random.key(0), (5,))
      >>> predict = monte_carlo(model, variables, passes=30, key=jax.random.key(1))
      >>> predict(jnp.ones((3, 5))).mean.shape
      (3, 2)

    References:
      Gal and Ghahramani 2016, arXiv:1506.02142, eq. 6, and the sample variance of
      eq. 7, for dropout; Srivastava et al. 2014, JMLR 15, sec. 7.5.
    """
    arguments.require_counts(passes=passes)
    arguments.require_call(model, "train", "sample")
    if getattr(model, "axis_name", None) is not None:
        # The batch of a pass is whole, where that of training was divided.
        model = model.clone(axis_name=None)

    def predict(images):
        arguments.require(len(images) > 0, "images", images, "one example or more")
        moments = _noisy_passes(model, variables, images, key, passes)
        return prediction.Prediction(*moments, passes)

    return predict


@functools.partial(jax.jit, static_argnums=0)
def _test_pass(
    model: nn.Module, variables: Mapping[str, Any], images: jax.Array
) -> jax.Array:
    """Return the probabilities [B, K] of the deterministic rule."""
    with jax.default_matmul_precision("highest"):
        return _probabilities(model.apply(variables, images, train=False))


@functools.partial(jax.jit, static_argnums=0)
def _noisy_passes(
    model: nn.Module,
    variables: Mapping[str, Any],
    images: jax.Array,
    key: jax.Array,
    passes: int,
) -> tuple[jax.Array, jax.Array]:
    """Return mean and variance of the probabilities over noisy passes, [B, K] each."""

    def noisy_pass(count):
        noise = train.step_keys(key, count)
        with jax.default_matmul_precision("highest"):
            return _probabilities(
                model.apply(variables, images, train=False, sample=True, rngs=noise)
            )

    def add(count, moments):
        mean, squares = moments
        new = noisy_pass(count)
        moved = mean + (new - mean) / (count + 1)
        return moved, squares + (new - mean) * (new - moved)

    first = noisy_pass(0)
    moments = (first, jnp.zeros_like(first))
    mean, squares = jax.lax.fori_loop(1, passes, add, moments)
    return mean, squares / passes


def _probabilities(logits: jax.Array) -> jax.Array:
    """Return the softmax of logits, in at least float32."""
    return jax.nn.softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
