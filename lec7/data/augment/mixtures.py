"""Mixtures of two examples and of their labels."""

import jax
import jax.numpy as jnp

from lec7 import arguments
from lec7.data.augment import transforms


def mixup(alpha: float, *, num_classes: int) -> transforms.Augment:
    """Return the augmentation that mixes each example with its neighbour in the batch.

    x <- w x_i + (1 - w) x_j,   q <- w e(y_i) + (1 - w) e(y_j),   w ~ Beta(alpha, alpha)

    with one-hot e and a weight of its own for every example. The partners are those at
    positions 2 k and 2 k + 1 of the global batch: a batch is in random order, so the
    neighbour is a random partner, and it is on the same device however many there are.

    Args:
      alpha: > 0; small values mix little, 1 makes all weights equally likely.
      num_classes: K.

    Returns:
      (keys [B], images [B, H, W, C], labels [B]) -> images [B, H, W, C] and
      probabilities [B, K], float32. B on one device is even.

    Raises:
      ValueError: alpha is not above 0; when it is called, B is odd, images are of
        integers, or labels are not classes, as those of a mixture are not. Compiled,
        the images of a label that is not one of the K classes are NaN.

    References:
      Zhang et al. 2018, arXiv:1710.09412, eq. 1. Their code permutes the batch, and
      draws one weight for all of it.
    """
    arguments.require_positive(alpha=alpha)
    arguments.require_counts(num_classes=num_classes)

    def augment(keys, images, labels):
        if len(labels) % 2:
            raise ValueError(
                f"a device has {len(labels)} examples of a batch; expected an even "
                "number, as neighbours are mixed"
            )
        transforms.require_floating(images)
        known = _are_known(labels, num_classes)
        images = jnp.where(known.reshape(-1, *[1] * (images.ndim - 1)), images, jnp.nan)
        weights = jax.vmap(lambda key: jax.random.beta(key, alpha, alpha))(keys)
        targets = jax.nn.one_hot(labels, num_classes)
        return _mixed(weights, images), _mixed(weights, targets)

    return augment


def _are_known(labels: jax.Array, num_classes: int) -> jax.Array:
    """Return which labels are one of K classes, bool [B].

    Raises:
      ValueError: they are no classes, or known not to be of the K.
    """
    if labels.ndim != 1 or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"labels are {labels.dtype}{list(labels.shape)}; expected classes, "
            "integers [B], which are mixed once"
        )
    known = (labels >= 0) & (labels < num_classes)
    if not isinstance(known, jax.core.Tracer) and not known.all():
        raise ValueError(
            f"a label is {labels[~known][0]}; expected classes from 0 to "
            f"{num_classes - 1}: num_classes is {num_classes}"
        )
    return known


def _mixed(weights: jax.Array, values: jax.Array) -> jax.Array:
    """Return the values [B, ...], each mixed with its neighbour's by weights [B]."""
    pairs = values.reshape(-1, 2, *values.shape[1:])
    partners = pairs[:, ::-1].reshape(values.shape)
    weights = weights.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    return weights * values + (1 - weights) * partners
