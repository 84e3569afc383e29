"""Transforms of one image, one after another, as an augmentation of a batch.

A transform is a pure function of a key and an image, and draws nothing but from its
key. A train step keys every example by its position in the global batch, so what is
drawn does not depend on the number of devices.

Geometric transforms may act on any images. Colour transforms are defined on pixels in
[0, 1], which is how data are loaded: where a network is given standardised images,
`on_pixels` takes their scale into account.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lec7 import arguments

Transform = Callable[[jax.Array, jax.Array], jax.Array]
"""Key and image [H, W, C] -> image."""

Augment = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
"""Keys [B], images [B, H, W, C] and labels [B] -> images and labels of as many."""


def require_floating(images: jax.Array) -> None:
    """Check images that are calculated with: a weight of 0.3 as a byte is 0.

    Raises:
      ValueError: they are integers.
    """
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"images are {images.dtype}; expected floating-point pixels, bytes being "
            "divided by 255 before"
        )


def filled(fill: float, dtype: jax.typing.DTypeLike) -> jax.Array:
    """Return the value of new pixels in the type of an image.

    Raises:
      ValueError: the type is one of integers, and has no such value.
    """
    holds = not jnp.issubdtype(dtype, jnp.integer)
    if not holds:
        info = jnp.iinfo(dtype)
        holds = info.min <= fill <= info.max and fill == int(fill)
    if not holds:
        raise ValueError(f"fill is {fill}; expected a value of {dtype}, as images are")
    return jnp.asarray(fill, dtype)


def compose(*transforms: Transform, mix: Augment | None = None) -> Augment:
    """Return the augmentation that applies transforms in turn to each example.

    Transform i of an example with key k has the key fold_in(k, i).

    Args:
      *transforms: (key, image [H, W, C]) -> image; a transform may change the size.
      mix: what follows and takes the whole batch, such as `mixup`.

    Returns:
      `augment(keys [B], images [B, H, W, C], labels [B]) -> (images, labels)`, which
      `lec7.train.make_step` takes. It leaves labels as they are, unless `mix` does not.

    Example:
      >>> from lec7.data import augment
      >>> crop_and_flip = compose(
      ...     augment.random_crop(32, padding=4), augment.horizontal_flip()
      ... )
      >>> keys = jax.random.split(jax.random.key(0), 2)
      >>> images, labels = crop_and_flip(keys, jnp.ones((2, 32, 32, 3)), jnp.arange(2))
      >>> images.shape
      (2, 32, 32, 3)
    """

    def one(key, image):
        for i, transform in enumerate(transforms):
            image = transform(jax.random.fold_in(key, i), image)
        return image

    def augment(keys, images, labels):
        images = jax.vmap(one)(keys, images)
        if mix is None:
            return images, labels
        last = jax.vmap(jax.random.fold_in, (0, None))(keys, len(transforms))
        return mix(last, images, labels)

    return augment


def on_pixels(transform: Transform, *, mean: ArrayLike, std: ArrayLike) -> Transform:
    """Return a transform of pixels in [0, 1] as one of standardised images.

    x -> (transform(std x + mean) - mean) / std

    Args:
      transform: of pixels in [0, 1].
      mean: of each channel, [C], as `data.channel_moments` returns it.
      std: of each channel, [C].

    Returns:
      The transform of images from which the mean was taken, divided by std.

    Raises:
      ValueError: a deviation is not above zero; when it is called, images are of
        integers or of another number of channels.
    """
    arguments.require_positive(std=std)
    shift, scale = (jnp.asarray(value)[None, None] for value in (mean, std))

    def standardised(key, image):
        require_floating(image)
        for name, moment in (("mean", shift), ("std", scale)):
            holds = moment.shape == (1, 1, image.shape[-1])
            expected = f"({image.shape[-1]},), a value for each channel"
            arguments.require(holds, f"the shape of {name}", moment.shape[2:], expected)
        return (transform(key, image * scale + shift) - shift) / scale

    return standardised
