"""A square of the image is hidden."""

import jax
import jax.numpy as jnp

from lec7 import arguments
from lec7.data.augment import transforms


def cutout(size: int, *, fill: float = 0.0) -> transforms.Transform:
    """Return the transform that hides a square around a pixel drawn uniformly.

    The square begins size // 2 pixels before that pixel, and what lies beyond the
    border is lost: near it less is hidden.

    Args:
      size: side of the square, pixels, >= 1.
      fill: what is shown instead; 0 is the mean of standardised images.

    Returns:
      (key, image [H, W, C]) -> image [H, W, C].

    Raises:
      ValueError: size is below 1; when it is called, images of integers have not the
        value `fill`.

    References:
      DeVries and Taylor 2017, arXiv:1708.04552, sec. 3.2; for an odd size their code
      hides size - 1 rows and columns.
    """
    arguments.require_counts(size=size)

    def transform(key, image):
        height, width, _ = image.shape
        centre = jax.random.randint(key, (2,), 0, jnp.array([height, width]))
        down, right = centre - size // 2
        rows, columns = jnp.arange(height), jnp.arange(width)
        hidden = ((rows >= down) & (rows < down + size))[:, None] & (
            (columns >= right) & (columns < right + size)
        )[None]
        return jnp.where(hidden[..., None], transforms.filled(fill, image.dtype), image)

    return transform
