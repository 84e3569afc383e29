"""Losses and accuracy of single examples: logits [B, K] and labels to numbers [B].

Labels are classes, integers [B], or probabilities q [B, K], such as mixup makes. A
class y is the probability q_k = [k = y]. Labels of another shape or type are refused,
as [B, 1] would be broadcast. Of a class that is not one of the K, such as the -1 of
unlabelled data, loss and accuracy are NaN.
"""

import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the cross-entropy of the softmax with the labels, in nats.

    L = log sum_k exp(f_k) - sum_k q_k f_k
      = sum_k q_k (f_j - f_k) + log1p(sum_{k != j} exp(f_k - f_j)),   j = argmax_k f_k.

    The second line, which is computed, holds for any fixed j, so its derivatives of
    every order are those of L. No exponent is positive, and an example that is fitted
    well keeps its digits: the loss and gradient of a margin of 40 are 4e-18 and not 0,
    as minima are compared where most losses are small.

    Args:
      logits: f, [B, K]; half precision is computed in float32.
      labels: y, integers [B] in 0 to K - 1, or q, floating-point [B, K] with rows that
        sum to 1, which is not checked.

    Returns:
      L of each example [B], at least float32.

    Raises:
      ValueError: labels are neither, or integers for a single logit.

    Example:
      >>> cross_entropy(jnp.array([[0.0, 0.0], [40.0, 0.0]]), jnp.array([1, 0]))
      Array([6.931472e-01, 4.248354e-18], dtype=float32)
    """
    logits, targets = _prepared(logits, labels)
    classes = jnp.arange(logits.shape[-1])[None]
    is_top = classes == jnp.argmax(logits, axis=-1, keepdims=True)
    top = jnp.sum(logits, axis=-1, keepdims=True, where=is_top)
    below = jnp.exp(logits - top)
    # The label at the top adds no `top - top`, whose gradient would round others away.
    missed = (targets > 0) & ~is_top
    return jnp.sum(targets * (top - logits), axis=-1, where=missed) + jnp.log1p(
        jnp.sum(below, axis=-1, where=~is_top)
    )


def squared_error(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return half the squared distance of the logits from the labels' probabilities.

    L = 1/2 sum_k (f_k - q_k)^2

    Args:
      logits: f, [B, K]; half precision is computed in float32.
      labels: y, integers [B] in 0 to K - 1, or q, floating-point [B, K], which may be
        any targets.

    Returns:
      L of each example [B], at least float32.

    Raises:
      ValueError: as for `cross_entropy`.

    Example:
      >>> squared_error(jnp.array([[1.0, 2.0]]), jnp.array([0]))
      Array([2.], dtype=float32)
    """
    logits, targets = _prepared(logits, labels)
    return 0.5 * jnp.sum((logits - targets) ** 2, axis=-1)


def accuracy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the probability that the labels give to the class with the largest logit.

    That is 1 where a class is predicted and else 0. With labels that mix two classes it
    is the share of the one predicted.

    Args:
      logits: f, [B, K]; the first of several that are largest counts.
      labels: y, integers [B] in 0 to K - 1, or q, floating-point [B, K].

    Returns:
      q_j of each example with j = argmax_k f_k, float32 [B].

    Raises:
      ValueError: as for `cross_entropy`.

    Example:
      >>> accuracy(jnp.array([[3.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0]))
      Array([1., 0.], dtype=float32)
      >>> accuracy(jnp.array([[3.0, 1.0]]), jnp.array([[0.75, 0.25]]))
      Array([0.75], dtype=float32)
    """
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    predicted = jnp.argmax(logits, axis=-1)
    if _are_classes(labels, logits):
        known = (labels >= 0) & (labels < logits.shape[-1])
        return jnp.where(known, (predicted == labels).astype(jnp.float32), jnp.nan)
    picked = jnp.take_along_axis(labels, predicted[..., None], axis=-1)
    return picked[..., 0].astype(jnp.float32)


def _prepared(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return logits of at least float32, and labels as probabilities in their type."""
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    if not _are_classes(labels, logits):
        return logits, labels.astype(logits.dtype)
    count = logits.shape[-1]
    known = ((labels >= 0) & (labels < count))[..., None]
    one_hot = jax.nn.one_hot(labels, count, dtype=logits.dtype)
    return jnp.where(known, logits, jnp.nan), one_hot


def _are_classes(labels: jax.Array, logits: jax.Array) -> bool:
    """Return whether labels are classes, as known while a program is traced.

    Raises:
      ValueError: labels are neither, or there is but one class.
    """
    integer = jnp.issubdtype(labels.dtype, jnp.integer)
    if labels.shape != (logits.shape[:-1] if integer else logits.shape):
        raise ValueError(
            f"labels have the shape {labels.shape} and the type {labels.dtype}, logits "
            f"the shape {logits.shape}; expected classes, integers of the shape "
            f"{logits.shape[:-1]} (squeeze a column), or probabilities, floating-point "
            f"of the shape {logits.shape}"
        )
    if integer and logits.shape[-1] < 2:
        raise ValueError(
            f"logits have the shape {logits.shape}, and labels are classes; expected "
            "two or more, as the loss of one is the same whatever the labels are"
        )
    return integer
