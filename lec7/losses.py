"""Losses of single examples: logits [B, K] and labels [B] to a loss [B]."""

import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the cross-entropy of the softmax with the labels, in nats.

    L = log sum_k exp(f_k) - f_y
      = f_j - f_y + log1p(sum_{k != j} exp(f_k - f_j)),   j = argmax_k f_k.

    The second line, which is computed, holds for any fixed j, so its derivatives of
    every order are those of L. No exponent is positive, and an example that is fitted
    well keeps its digits: the loss and gradient of a margin of 40 are 4e-18 and not 0,
    as minima are compared where most losses are small.

    Args:
      logits: f, [B, K]; half precision is computed in float32.
      labels: y, integers [B] in 0 to K - 1; not checked.

    Returns:
      L of each example [B], at least float32.

    Example:
      >>> cross_entropy(jnp.array([[0.0, 0.0], [40.0, 0.0]]), jnp.array([1, 0]))
      Array([6.931472e-01, 4.248354e-18], dtype=float32)
    """
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    classes = jnp.arange(logits.shape[-1])[None]
    is_top = classes == jnp.argmax(logits, axis=-1, keepdims=True)
    top = jnp.sum(logits, axis=-1, keepdims=True, where=is_top)
    below = jnp.exp(logits - top)
    # The label at the top adds no `top - top`, whose gradient would round others away.
    missed = (classes == labels[:, None]) & ~is_top
    return jnp.sum(top - logits, axis=-1, where=missed) + jnp.log1p(
        jnp.sum(below, axis=-1, where=~is_top)
    )


def squared_error(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return half the squared distance of the logits from the one-hot labels.

    L = 1/2 sum_k (f_k - [k = y])^2

    Args:
      logits: f, [B, K]; half precision is computed in float32.
      labels: y, integers [B] in 0 to K - 1; not checked.

    Returns:
      L of each example [B], at least float32.

    Example:
      >>> squared_error(jnp.array([[1.0, 2.0]]), jnp.array([0]))
      Array([2.], dtype=float32)
    """
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return 0.5 * jnp.sum((logits - targets) ** 2, axis=-1)
