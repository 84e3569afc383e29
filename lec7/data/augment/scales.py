"""Crops at several scales: the image is resized at random, then cropped."""

import jax
import jax.numpy as jnp

from lec7.data.augment import transforms


def multi_scale_crop(size: int, *, short_side: tuple[int, int]) -> transforms.Transform:
    """Return the transform that resizes, and then cuts out a square.

    An image [H, W, C] is resized by L / min(H, W) so that its short side becomes L
    pixels, L uniform on the integers from low to high; then a square of `size` pixels
    is taken from it, every position equally likely. ResNet takes 224 of 256 to 480. Of
    a sequence [L, C] a stretched piece is taken.

    Args:
      size: side of the square, pixels.
      short_side: (low, high), both ends included, size <= low <= high.

    Returns:
      (key, image [H, W, C] or [L, C]) -> image [size, size, C] or [size, C].

    Raises:
      ValueError: unless 1 <= size <= low <= high.

    References:
      Simonyan and Zisserman 2015, arXiv:1409.1556, sec. 3.1; He et al. 2016,
      arXiv:1512.03385, sec. 3.4.
    """
    low, high = short_side
    if not 1 <= size <= low <= high:
        raise ValueError(
            f"size is {size} and short_side {short_side}; expected "
            "1 <= size <= low <= high"
        )

    def transform(key, image):
        scale_key, crop_key = jax.random.split(key)
        side = jax.random.randint(scale_key, (), low, high + 1)
        sides = jnp.array(image.shape[:-1])
        positions = sides * side // min(image.shape[:-1]) - size + 1
        corner = jax.random.randint(crop_key, sides.shape, 0, positions)
        return crop_resized(image, side, corner, size)

    return transform


def crop_resized(
    image: jax.Array, side: jax.Array, corner: jax.Array, size: int
) -> jax.Array:
    """Return a square of a resized image, of which only the square is computed.

    Interpolation is linear between neighbouring pixels where the image grows; where it
    shrinks, the triangle is widened to a new pixel's size, against aliasing.

    Args:
      image: [H, W, C], or [L, C].
      side: the short side after resizing, integer [].
      corner: of the square in the resized image, [2] or [1].
      size: side of the square, pixels.
    """
    axes = image.ndim - 1
    scale = side / min(image.shape[:-1])
    return jax.image.scale_and_translate(
        image,
        (*[size] * axes, image.shape[-1]),
        spatial_dims=range(axes),
        scale=jnp.stack([scale] * axes),
        translation=-corner.astype(scale.dtype),
        method="linear",
    )
