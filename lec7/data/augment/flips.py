"""Mirror images."""

import jax
import jax.numpy as jnp

from lec7 import arguments
from lec7.data.augment import transforms


def horizontal_flip(probability: float = 0.5) -> transforms.Transform:
    """Return the transform that mirrors left and right, or does nothing.

    Args:
      probability: of the mirror image, in [0, 1].

    Returns:
      (key, image [H, W, C]) -> image [H, W, C].

    Raises:
      ValueError: the probability is outside [0, 1].
    """
    arguments.require_fractions(probability=probability)

    def transform(key, image):
        flip = jax.random.bernoulli(key, probability)
        return jnp.where(flip, image[:, ::-1], image)

    return transform


def flip_views(images: jax.Array) -> jax.Array:
    """Return images and their mirror images, for a test that averages over both.

    Args:
      images: [B, H, W, C].

    Returns:
      [2, B, H, W, C].
    """
    return jnp.stack([images, images[:, :, ::-1]])
