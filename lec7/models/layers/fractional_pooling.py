"""Fractional max pooling: a network's images shrink by factors between 1 and 2."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from lec7 import arguments
from lec7.models.layers import noise

REGIONS = ("random", "pseudorandom", "fixed")


class FractionalMaxPool(nn.Module):
    """Return the maxima of randomly chosen regions of 1, 2 or 3 pixels a side.

    An axis of N_in pixels becomes one of N_out = int(N_in / ratio + 1/2), which is the
    inverse of Graham's N_in = int(ratio N_out + 1/2). Region i of an axis lies between
    the boundaries a_{i-1} and a_i, where a_0 = 0, a_{N_out} = N_in and all increments
    are 1 or 2. The regions of an image are the products of those of its axes.

      disjoint       pixels a_{i-1} to a_i - 1
      overlapping    pixels a_{i-1} to a_i, cut off at the border

      random         the increments 1 and 2 are shuffled
      pseudorandom   a_i = ceil(alpha (i + u)) - ceil(alpha u), alpha = N_in / N_out,
                     u uniform in (0, 1)
      fixed          the same at u = 1/2: the deterministic rule of the other two

    At ratio 2 disjoint regions are those of plain 2x2 pooling.

    As in Graham's code, all examples and channels of a batch share one draw for the
    rows and one for the columns, on all devices; the size of the output is always the
    same. Two libraries do otherwise under the same name. TensorFlow's pseudorandom
    boundaries are ceil(alpha (i + u)) without the subtraction, with u cut so that the
    last fits. torch's windows all have the given size, begin at
    floor((i + u) c) - floor(u c), c = (N_in - size) / (N_out - 1), and are drawn for
    each example and channel.

    Random stream: `fractional_pool`.

    References:
      Graham 2014, arXiv:1412.6071, sec. 2.
    """

    ratio: float
    """alpha, by which the sides shrink, in [1, 2]."""
    regions: str = "random"
    """`random`, `pseudorandom` or `fixed`."""
    overlapping: bool = True
    """Whether a region shares its border with the next one."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the maxima.

        Args:
          x: images [B, H, W, C] or sequences [B, L, C].
          train: whether this is a training pass.
          sample: whether to sample, if other than `train`; see `Dropout`.

        Returns:
          [B, H', W', C] or [B, L', C].

        Raises:
          ValueError: if `ratio` is outside [1, 2] or `regions` is unknown.
        """
        arguments.require(1 <= self.ratio <= 2, "pooling ratio", self.ratio, "1 to 2")
        arguments.require_one_of(REGIONS, **{"pooling regions": self.regions})
        sampled = noise.is_sampled(train, sample) and not self.is_initializing()
        axes = range(1, x.ndim - 1)
        regions, keys = "fixed", [None for _ in axes]
        if sampled and self.regions != "fixed":
            regions = self.regions
            keys = jax.random.split(self.make_rng("fractional_pool"), len(axes))
        for axis, key in zip(axes, keys, strict=True):
            size = x.shape[axis]
            edges = boundaries(key, size, int(size / self.ratio + 0.5), regions)
            x = pool(x, edges, axis, overlapping=self.overlapping)
        return x


def boundaries(key: jax.Array | None, size: int, count: int, regions: str) -> jax.Array:
    """Return the boundaries a_0 = 0 to a_{N_out} = N_in of the regions of one axis.

    Args:
      key: typed []; unused by `fixed` regions.
      size: N_in, pixels.
      count: N_out, between N_in / 2 and N_in.
      regions: see `FractionalMaxPool`.

    Returns:
      Integers [N_out + 1].

    Example:
      >>> boundaries(None, 7, 5, "fixed").tolist()
      [0, 2, 3, 4, 6, 7]
    """
    index = jnp.arange(count + 1)
    if regions == "random":
        ones = jax.random.permutation(key, index[1:] <= 2 * count - size)
        return jnp.pad(jnp.cumsum(2 - ones), (1, 0))
    # The ceiling of alpha (i + u) depends on that of N_in u alone: integers are exact.
    shift = (size + 1) // 2
    if regions == "pseudorandom":
        shift = jax.random.randint(key, (), 1, size + 1)
    edges = -(-(size * index + shift) // count)
    return edges - edges[0]


def pool(x: jax.Array, edges: jax.Array, axis: int, *, overlapping: bool) -> jax.Array:
    """Return the maxima between boundaries [N_out + 1] along one axis.

    The maxima of all short and of all long windows come first, as shifted copies are
    fast, and then one of them is taken for each region; overlapping regions include the
    boundary at their end.
    """
    size, length = x.shape[axis], 1 + overlapping
    short = functools.reduce(jnp.maximum, (_shift(x, k, axis) for k in range(length)))
    long = jnp.maximum(short, _shift(x, length, axis))
    windows = jnp.concatenate([short, long], axis=axis)
    index = edges[:-1] + size * (jnp.diff(edges) - 1)
    return jnp.take(windows, index, axis=axis, mode="clip")


def _shift(x: jax.Array, count: int, axis: int) -> jax.Array:
    """Return the array without its first entries, its last one repeated instead."""
    count = min(count, x.shape[axis])
    kept = lax.slice_in_dim(x, count, None, axis=axis)
    last = lax.slice_in_dim(x, x.shape[axis] - 1, None, axis=axis)
    return jnp.concatenate([kept, *[last] * count], axis=axis)
