"""Convolution and max pooling in the form that is fast on the machine at hand.

On the CPU, inside `lax.scan`, XLA computes the gradient of a convolution's kernel, and
that of a windowed maximum, many times slower than the matrix product and the
elementwise maxima that they equal.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import dtypes
from jax import lax

Padding = str | Sequence[tuple[int, int]]


class Conv(nn.Module):
    """Convolution with the parameters of `nn.Conv`: `kernel` HWIO and `bias`."""

    features: int
    """Channels of the output."""
    kernel_size: tuple[int, int] = (3, 3)
    """Height and width of the window, in pixels."""
    strides: tuple[int, int] = (1, 1)
    """Distance between windows, in pixels."""
    padding: Padding = "SAME"
    """Zeros around the image: `SAME`, `VALID` or ((top, bottom), (left, right)).

    With stride 2, `SAME` pads an image of even side by less on the left than on the
    right, where torch pads both sides alike.
    """
    use_bias: bool = True
    """Whether to add a bias; idle before BatchNorm."""
    dtype: jax.typing.DTypeLike | None = None
    """Of the arithmetic and the output; by default that of image and kernel."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the convolved images.

        Args:
          x: images [B, H, W, C].

        Returns:
          [B, H', W', features], with H' = ceil(H / stride) for `SAME`.
        """
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        zeros = nn.initializers.zeros
        bias = self.param("bias", zeros, shape[-1:]) if self.use_bias else None
        x, kernel, bias = dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = convolve(x, kernel, strides=self.strides, padding=self.padding)
        return y if bias is None else y + bias[None, None, None]


def convolve(
    x: jax.Array, kernel: jax.Array, *, strides: Sequence[int], padding: Padding
) -> jax.Array:
    """Return the cross-correlation of images with a kernel.

    y[b, h, w, o] = sum_{i, j, c} x[b, s h + i, s w + j, c] kernel[i, j, c, o]

    On a GPU or TPU it is XLA's convolution. On the CPU it is one matrix product with
    the image's shifted copies laid side by side: it holds a copy of the image for each
    position in the window, and differentiates in every mode and to every order.

    Args:
      x: images [B, H, W, C].
      kernel: [I, J, C, O].
      strides: s, vertical and horizontal.
      padding: `SAME`, `VALID` or the zeros as ((top, bottom), (left, right)).

    Returns:
      [B, H', W', O].
    """
    if jax.default_backend() != "cpu":
        return lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
    window = kernel.shape[:2]
    pads = padding
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(x.shape[1:3], window, strides, padding)
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    patches = jnp.concatenate(
        [
            column
            for row in _shifts(padded, window[0], strides[0], axis=1)
            for column in _shifts(row, window[1], strides[1], axis=2)
        ],
        axis=-1,
    )
    # Two-dimensional, since XLA transposes a contraction over three axes by hand.
    flat = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(*patches.shape[:-1], kernel.shape[-1])


def max_pool(
    x: jax.Array, *, window: int = 2, stride: int = 2, padding: int = 0
) -> jax.Array:
    """Return the maxima of the square windows that lie within the padded images.

    Equal maxima share the gradient, where `nn.max_pool` gives it to the first.

    Args:
      x: images [B, H, W, C].
      window: side of a window, in pixels.
      stride: distance between windows, in pixels.
      padding: pixels below all others on each side, fewer than `window`.

    Returns:
      [B, H', W', C] with H' = 1 + (H + 2 padding - window) // stride.

    Raises:
      ValueError: if the padded images are smaller than the window.
    """
    least = window - 2 * padding
    if min(x.shape[1:3]) < least:
        raise ValueError(
            f"images of {x.shape[1]}x{x.shape[2]} pixels; expected at least "
            f"{least}x{least} to pool: use larger images or fewer stages"
        )
    sides = (0, 0), (padding, padding), (padding, padding), (0, 0)
    x = jnp.pad(x, sides, constant_values=-jnp.inf) if padding else x
    for axis in (1, 2):
        x = functools.reduce(jnp.maximum, _shifts(x, window, stride, axis=axis))
    return x


def _shifts(x: jax.Array, window: int, stride: int, *, axis: int) -> list[jax.Array]:
    """Return what each position in a window sees, over all windows along an axis."""
    span = stride * ((x.shape[axis] - window) // stride) + 1
    return [
        lax.slice_in_dim(x, start, start + span, stride, axis=axis)
        for start in range(window)
    ]
