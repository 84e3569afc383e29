"""Squares cut out of an image: at random in training, ten of them in a test."""

import jax
import jax.numpy as jnp
from jax import lax

from lec7 import arguments
from lec7.data.augment import transforms


def random_crop(
    size: int, *, padding: int = 0, fill: float = 0.0
) -> transforms.Transform:
    """Return the transform that cuts out a square, every position equally likely.

    Of a sequence [L, C] it cuts out a piece.

    Of a square image of side S there are (S + 2 padding - size + 1)^2 positions. With
    padding 4 and size S this is the usual crop of small images; without padding, with
    S = 256 and size 224, it is AlexNet's, of whose 33^2 positions the paper counts 32^2
    and, with mirror images, a training set 2048 times as large.

    Args:
      size: side of the square, pixels; or length of the piece.
      padding: pixels added on each of the four sides before, or at both ends.
      fill: their value; 0 is the mean of standardised images and else black.

    Returns:
      (key, image [H, W, C] or [L, C]) -> image [size, size, C] or [size, C].

    Raises:
      ValueError: size is below 1 or padding below 0; when it is called, the padded
        image is smaller than the square, or of integers without the value `fill`.

    References:
      Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural
      networks, sec. 4.1; He et al. 2016, arXiv:1512.03385, sec. 4.2.
    """
    arguments.require_counts(size=size)
    arguments.require_counts(padding=padding, least=0)

    def transform(key, image):
        axes = image.ndim - 1
        border = (*[(padding, padding)] * axes, (0, 0))
        value = transforms.filled(fill, image.dtype)
        padded = jnp.pad(image, border, constant_values=value)
        positions = jnp.array(_room(padded.shape, size)) + 1
        corner = jax.random.randint(key, (axes,), 0, positions)
        shape = (*[size] * axes, image.shape[-1])
        return lax.dynamic_slice(padded, (*corner, 0), shape)

    return transform


def ten_crop(images: jax.Array, size: int) -> jax.Array:
    """Return the four corners and the centre of images, and the mirror image of each.

    A test averages the probabilities over them.

    Args:
      images: [B, H, W, C].
      size: side of a crop, pixels.

    Returns:
      [10, B, size, size, C]; the last five mirror the first five.

    Raises:
      ValueError: size is below 1, or an image is smaller than the crop.

    References:
      Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural
      networks, sec. 4.1.
    """
    down, right = _room(images.shape[1:], size)
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    crops = jnp.stack([images[:, y : y + size, x : x + size] for y, x in corners])
    return jnp.concatenate([crops, crops[:, :, :, ::-1]])


def _room(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return by how many pixels a square can move along the axes of an image.

    Raises:
      ValueError: it does not fit.
    """
    *sides, _ = shape
    if not 1 <= size <= min(sides):
        raise ValueError(
            f"size is {size}; expected 1 to {min(sides)}, the short side of "
            f"an image of {' x '.join(map(str, sides))} pixels, padding included"
        )
    return tuple(side - size for side in sides)
