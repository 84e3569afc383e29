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

Padding = str | int | Sequence[tuple[int, int]]
LAYOUTS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


class Conv(nn.Module):
    """Convolution along one axis or two, with the parameters of `nn.Conv`.

    They are `kernel`, [I, C, O] for sequences and [I, J, C, O] for images, and `bias`.
    """

    features: int
    """Channels of the output."""
    kernel_size: int | Sequence[int] = 3
    """Sides of the window, in pixels; a number is that of every side."""
    strides: int | Sequence[int] = 1
    """Distance between windows along each axis, in pixels, or along every axis."""
    padding: Padding = "SAME"
    """Zeros around: `SAME`, `VALID`, as many everywhere, or ((top, bottom), (left,
    right)).

    With stride 2, `SAME` pads an image of even side by less on the left than on the
    right, where torch pads both sides alike.
    """
    use_bias: bool = True
    """Whether to add a bias; idle before BatchNorm."""
    dtype: jax.typing.DTypeLike | None = None
    """Of the arithmetic and the output; by default that of input and kernel."""
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    """Initial values of the kernel."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the convolved examples.

        Args:
          x: sequences [B, L, C] or images [B, H, W, C].

        Returns:
          [B, L', features] or [B, H', W', features], with H' = ceil(H / stride) for
          `SAME`.

        Raises:
          ValueError: the examples are neither.
        """
        count = x.ndim - 2
        if count not in LAYOUTS:
            raise ValueError(
                f"examples of shape {list(x.shape[1:])} in a convolution; expected "
                "sequences [B, L, C] or images [B, H, W, C]; use mlp"
            )
        window, strides, padding = (
            (value,) * count if isinstance(value, int) else value
            for value in (self.kernel_size, self.strides, self.padding)
        )
        if isinstance(self.padding, int):
            padding = tuple(zip(padding, padding, strict=True))
        shape = (*window, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        zeros = nn.initializers.zeros
        bias = self.param("bias", zeros, shape[-1:]) if self.use_bias else None
        x, kernel, bias = dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = convolve(x, kernel, strides=strides, padding=padding)
        return y if bias is None else y + jnp.expand_dims(bias, range(y.ndim - 1))


def convolve(
    x: jax.Array, kernel: jax.Array, *, strides: Sequence[int], padding: Padding
) -> jax.Array:
    """Return the cross-correlation of sequences or images with a kernel.

    y[b, h, w, o] = sum_{i, j, c} x[b, s h + i, s w + j, c] kernel[i, j, c, o]

    On a GPU or TPU it is XLA's convolution. On the CPU it is one matrix product with
    the image's shifted copies laid side by side: it holds a copy of the image for each
    position in the window, and differentiates in every mode and to every order.

    Args:
      x: [B, L, C] or [B, H, W, C].
      kernel: [I, C, O] or [I, J, C, O].
      strides: s of each axis.
      padding: `SAME`, `VALID` or the zeros before and after each axis.

    Returns:
      [B, L', O] or [B, H', W', O].
    """
    window = kernel.shape[:-2]
    if jax.default_backend() != "cpu":
        return lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=LAYOUTS[len(window)]
        )
    pads = padding
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(x.shape[1:-1], window, strides, padding)
    columns = [jnp.pad(x, ((0, 0), *pads, (0, 0)))]
    for axis, (side, stride) in enumerate(zip(window, strides, strict=True), start=1):
        columns = [
            shifted
            for column in columns
            for shifted in _shifts(column, side, stride, axis=axis)
        ]
    patches = jnp.concatenate(columns, axis=-1)
    # Two-dimensional, since XLA transposes a contraction over three axes by hand.
    flat = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(*patches.shape[:-1], kernel.shape[-1])


def max_pool(
    x: jax.Array, *, window: int = 2, stride: int = 2, padding: int = 0
) -> jax.Array:
    """Return the maxima of the windows that lie within the padded examples.

    Equal maxima share the gradient, where `nn.max_pool` gives it to the first.

    Args:
      x: sequences [B, L, C] or images [B, H, W, C].
      window: side of a window, in pixels.
      stride: distance between windows, in pixels.
      padding: pixels below all others on each side, fewer than `window`.

    Returns:
      [B, L', C] or [B, H', W', C] with H' = 1 + (H + 2 padding - window) // stride.

    Raises:
      ValueError: if the padded examples are smaller than the window.
    """
    require_sides(x, window - 2 * padding)
    axes = range(1, x.ndim - 1)
    sides = (0, 0), *[(padding, padding) for _ in axes], (0, 0)
    x = jnp.pad(x, sides, constant_values=-jnp.inf) if padding else x
    for axis in axes:
        x = functools.reduce(jnp.maximum, _shifts(x, window, stride, axis=axis))
    return x


def require_sides(x: jax.Array, least: int) -> None:
    """Check that examples [B, ..., C] are large enough to be pooled.

    Raises:
      ValueError: a side is below the least.
    """
    sides = x.shape[1:-1]
    if min(sides, default=least) < least:
        kind, unit = ("images", "pixels") if len(sides) > 1 else ("sequences", "points")
        raise ValueError(
            f"{kind} of {'x'.join(map(str, sides))} {unit}; expected at least "
            f"{'x'.join([str(least)] * len(sides))} to pool: use larger {kind}, "
            "fewer stages, or mlp"
        )


def _shifts(x: jax.Array, window: int, stride: int, *, axis: int) -> list[jax.Array]:
    """Return what each position in a window sees, over all windows along an axis."""
    span = stride * ((x.shape[axis] - window) // stride) + 1
    return [
        lax.slice_in_dim(x, start, start + span, stride, axis=axis)
        for start in range(window)
    ]
