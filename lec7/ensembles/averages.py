"""Averages over networks, and over views of the same examples."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lec7 import arguments
from lec7.ensembles import prediction


def average_members(predictors: Sequence[prediction.Predict]) -> prediction.Predict:
    """Return the predictor of an ensemble: the mean of its members' probabilities.

    Members may be of any models, noisy or not, and count the same.

    Args:
      predictors: one a member.

    Returns:
      Images [B, H, W, C] -> the prediction of all members together.

    Raises:
      ValueError: there is no member.
    """
    if not predictors:
        raise ValueError("predictors is empty; expected one for each member")
    return lambda images: _pool([predict(images) for predict in predictors])


def average_views(
    predict: prediction.Predict, views: jax.Array
) -> prediction.Prediction:
    """Return the mean prediction over several views of each example.

    Views are crops and reflections, as `lec7.data.augment` makes them; AlexNet averages
    the softmax of ten crops.

    Args:
      predict: of one network or of an ensemble. Monte-Carlo passes have the same noise
        for every view, which the average over views then leaves in.
      views: V views of B examples, [V, B, h, w, C].

    Returns:
      The prediction for the examples [B, K], whose variance is over views as well.

    Raises:
      ValueError: there is no view.

    Example:
      >>> from lec7 import models
      >>> from lec7.ensembles import predictors
      >>> model = models.MLP(num_classes=2, widths=())
      >>> variables = models.initialise(model, jax.random.key(0), (4, 4, 1))
      >>> images = jnp.ones((3, 4, 4, 1))
      >>> flips = jnp.stack([images, images[:, :, ::-1]])
      >>> average_views(predictors.deterministic(model, variables), flips).passes
      2

    References:
      Krizhevsky, Sutskever and Hinton 2012, ImageNet classification with deep
      convolutional neural networks, sec. 4.1.
    """
    if not len(views):
        raise ValueError("views is empty; expected an array [V, B, h, w, C], V >= 1")
    return _pool([predict(view) for view in views])


@functools.partial(jax.jit, static_argnums=0)
def member_logits(
    model: nn.Module, variables: Mapping[str, Any], images: jax.Array
) -> jax.Array:
    """Return the logits of the members of a population, one after another.

    Args:
      model: `apply(variables, images, train=False)` -> logits [B, K]; hashable, so its
        fields are tuples and no lists.
      variables: of M members, leaves [M, ...].
      images: [B, H, W, C].

    Returns:
      [M, B, K].
    """

    def member(variables):
        with jax.default_matmul_precision("highest"):
            return model.apply(variables, images, train=False)

    return jax.lax.map(member, variables)


def average_probabilities(
    logits: jax.Array, weights: jax.typing.ArrayLike | None = None
) -> jax.Array:
    """Return the logits whose softmax is the mean of the members' softmax.

    log sum_m w_m softmax(f_m), w_m = 1/M: the rule of ensembles. A loss or an accuracy
    takes it for the logits of one network. By Jensen's inequality its cross-entropy is
    never above the mean of the members' own; the accuracy, which no average of
    accuracies gives, may be above or below.

    Args:
      logits: f, one row a member [M, ..., K]; half precision is computed in float32.
      weights: w [M], >= 0 and of sum 1, where members do not count the same.

    Returns:
      Logarithms of probabilities [..., K].

    Raises:
      ValueError: there is no member, or the weights are no distribution over members.

    Example:
      >>> logits = jnp.log(jnp.array([[0.9, 0.1], [0.4, 0.6]]))
      >>> jnp.exp(average_probabilities(logits)).round(2)
      Array([0.65, 0.35], dtype=float32)

    References:
      Huang et al. 2017, arXiv:1704.00109, sec. 3.1, for snapshots; Lakshminarayanan et
      al. 2017, arXiv:1612.01474, sec. 2.4.
    """
    log_p = _log_probabilities(logits)
    if weights is None:
        weights = jnp.full(len(logits), 1 / len(logits), log_p.dtype)
    else:
        _require_distribution(weights, len(logits))
        weights = jnp.asarray(weights, log_p.dtype)
    b = jnp.reshape(weights, (-1, *[1] * (log_p.ndim - 1)))
    return jax.nn.logsumexp(log_p, axis=0, b=b)


def _require_distribution(weights: jax.typing.ArrayLike, members: int) -> None:
    """Check weights, of traced ones only the shape.

    Raises:
      ValueError: there is not one for each member, one is negative, or the sum is not 1
        to the precision of halves.
    """
    expected = f"a distribution, [{members}] values >= 0 of sum 1"
    holds = np.shape(weights) == (members,)
    if holds and not isinstance(weights, jax.core.Tracer):
        w = np.asarray(weights, np.float64)
        holds = bool((w >= 0).all() and abs(w.sum() - 1) < 5e-3)
    arguments.require(holds, "weights", weights, expected)


def average_log_probabilities(logits: jax.Array) -> jax.Array:
    """Return the logits whose softmax is the geometric mean of the members', scaled.

    1/M sum_m log softmax(f_m), whose softmax is that of the mean logits. It leaves out
    a class that any one member rules out. Its cross-entropy, too, is at most the mean
    of the members' own.

    Args:
      logits: f, one row a member [M, ..., K]; half precision is computed in float32.

    Returns:
      Logarithms of probabilities [..., K].

    Raises:
      ValueError: there is no member.

    Example:
      >>> logits = jnp.log(jnp.array([[0.8, 0.2], [0.2, 0.8]]))
      >>> jnp.exp(average_log_probabilities(logits)).round(2)
      Array([0.5, 0.5], dtype=float32)

    References:
      Hinton 2002, Training products of experts by minimizing contrastive divergence,
      sec. 1.
    """
    return jax.nn.log_softmax(jnp.mean(_log_probabilities(logits), axis=0))


def _pool(predictions: Sequence[prediction.Prediction]) -> prediction.Prediction:
    """Return the prediction of all passes together, each part counting the same.

    The variance over everything is the mean variance within the parts and the variance
    of their means.
    """
    means, variances = (
        stack.astype(jnp.promote_types(stack.dtype, jnp.float32))
        for stack in (
            jnp.stack([part.mean for part in predictions]),
            jnp.stack([part.variance for part in predictions]),
        )
    )
    within = jnp.mean(variances, axis=0)
    return prediction.Prediction(
        mean=jnp.mean(means, axis=0),
        variance=within + jnp.var(means, axis=0),
        passes=sum(part.passes for part in predictions),
    )


def _log_probabilities(logits: jax.Array) -> jax.Array:
    """Return the log-softmax in at least float32, of one or more members.

    Raises:
      ValueError: M is 0.
    """
    if not len(logits):
        raise ValueError("logits has no member; expected an array [M, ..., K], M >= 1")
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    return jax.nn.log_softmax(logits.astype(dtype))
