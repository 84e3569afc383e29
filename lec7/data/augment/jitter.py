"""Brightness, contrast and saturation, changed at random."""

import jax
import jax.numpy as jnp

from lec7 import arguments
from lec7.data.augment import transforms

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey value: ITU-R BT.601."""


def colour_jitter(
    *, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0
) -> transforms.Transform:
    """Return the transform that blends with black, with the mean grey, and with grey.

    Each of three blends x <- f x + (1 - f) t has a factor f of its own, uniform on
    [1 - a, 1 + a]:

      a            t
      brightness   0
      contrast     mean over the image of its grey values
      saturation   grey value of each pixel

    A factor below one moves towards t, one above moves away. Others do the three in
    random order, and clip what leaves [0, 1]. Here nothing is clipped, and then the
    blends commute: there is no order to draw.

    Args:
      brightness: a of the first blend, in [0, 1].
      contrast: a of the second, in [0, 1].
      saturation: a of the third, in [0, 1]; does nothing to an image of one channel.

    Returns:
      (key, pixels [H, W, C] in [0, 1]) -> pixels [H, W, C], C 1 or 3.

    Raises:
      ValueError: an amount is outside [0, 1]; when it is called, C is not 1 or 3, or
        the image is of integers.

    References:
      Howard 2013, arXiv:1312.5402, sec. 2, for the three; the blends are those of
      github.com/facebookarchive/fb.resnet.torch, which does not clip either.
    """
    amounts = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    arguments.require_fractions(**amounts)
    spread = jnp.array(list(amounts.values()))

    def transform(key, image):
        return blend(image, 1 + spread * jax.random.uniform(key, (3,), minval=-1))

    return transform


def blend(image: jax.Array, factors: jax.Array) -> jax.Array:
    """Return the image [H, W, C] after three blends, in any order.

    The factors are of brightness, contrast and saturation.

    Raises:
      ValueError: C is not 1 or 3, or the image is of integers.
    """
    transforms.require_floating(image)
    channels = image.shape[-1]
    if channels not in (1, 3):
        raise ValueError(f"the image has {channels} channels; expected 1 or 3")
    weights = jnp.array(LUMA if channels == 3 else (1.0,), image.dtype)
    grey = jnp.sum(image * weights[None, None], axis=-1, keepdims=True)
    brightness, contrast, saturation = factors
    coloured = saturation * image + (1 - saturation) * grey
    return brightness * (contrast * coloured + (1 - contrast) * jnp.mean(grey))
