"""Directions in parameter space, scaled like the parameters they start from."""

import zlib

import chex
import jax
import jax.numpy as jnp
import optax

from lec7 import arguments
from lec7.curvature import floating
from lec7.landscape import grid

SCALES = ("filter", "layer")
NORMS = (*SCALES, "none")


def random_direction(
    key: jax.Array,
    params: chex.ArrayTree,
    *,
    norm: str = "filter",
    filter_axis: int = -1,
) -> chex.ArrayTree:
    """Draw a Gaussian direction and scale it like the parameters.

    A leaf of two or more axes gets d ~ N(0, 1), and then

        filter   d[..., j] <- d[..., j] ||w[..., j]|| / ||d[..., j]||, each filter j
        layer    d <- d ||w|| / ||d||
        none     d as drawn

    The filters of a Flax kernel lie on its last axis: [D, D'] for a dense layer,
    [H, W, C, C'] for a convolution; those of Equinox and torch lie on the first, and
    then d[j, ...] takes the length of w[j, ...]. Leaves of fewer axes (biases; the
    scale, shift and statistics of BatchNorm) get zero under every norm, so that norms
    differ in scaling alone. The draw for a leaf depends on `key` and on the leaf's path
    and shape: one key gives two networks of one shape the same draw.

    Args:
      key: typed PRNG key.
      params: pytree of floating-point arrays.
      norm: "filter", "layer" or "none".
      filter_axis: on which the filters of a leaf lie; 0 for Equinox.

    Returns:
      The direction, a pytree like `params`, at least float32.

    Raises:
      ValueError: norm is unknown, or a leaf is no array.

    Example:
      >>> params = {"kernel": jnp.array([[3.0, 0.0], [4.0, 0.0]]), "bias": jnp.ones(2)}
      >>> direction = random_direction(jax.random.key(0), params)
      >>> jnp.linalg.norm(direction["kernel"], axis=0).round(5), direction["bias"]
      (Array([5., 0.], dtype=float32), Array([0., 0.], dtype=float32))

    References:
      Li et al. 2018, arXiv:1712.09913, section 4.
    """
    arguments.require_one_of(NORMS, norm=norm)

    def draw(path: tuple, weight: jax.Array) -> jax.Array:
        if weight.ndim < 2:
            return jnp.zeros_like(weight)
        name = zlib.crc32(jax.tree_util.keystr(path).encode())
        return jax.random.normal(
            jax.random.fold_in(key, name), weight.shape, weight.dtype
        )

    params = floating.widen(params)
    drawn = jax.tree_util.tree_map_with_path(draw, params)
    if norm == "none":
        return drawn
    return normalise(drawn, params, norm=norm, filter_axis=filter_axis)


def normalise(
    direction: chex.ArrayTree,
    params: chex.ArrayTree,
    *,
    norm: str = "filter",
    filter_axis: int = -1,
) -> chex.ArrayTree:
    """Scale any direction as `random_direction` scales its draws.

    So an eigenvector, the last update of a training or its momentum can be drawn on
    the axes of a random direction. A filter along which it is zero stays zero.

    Args:
      direction: pytree like `params`.
      params: pytree of floating-point arrays.
      norm: "filter" or "layer".
      filter_axis: as for `random_direction`.

    Returns:
      The direction, at least float32, with leaves of fewer than two axes zero.

    Raises:
      ValueError: norm is unknown, or the direction does not fit the parameters.

    Example:
      >>> params = {"kernel": jnp.array([[3.0, 1.0], [4.0, 0.0]])}
      >>> normalise({"kernel": jnp.array([[0.0, 0.2], [2.0, 0.0]])}, params)["kernel"]
      Array([[0., 1.],
             [5., 0.]], dtype=float32)
    """
    arguments.require_one_of(SCALES, norm=norm)
    grid.check_alike({"params": params, "direction": direction})

    def scale(part: jax.Array, weight: jax.Array) -> jax.Array:
        if weight.ndim < 2:
            return jnp.zeros_like(weight)
        axes = tuple(range(weight.ndim))
        if norm == "filter":
            filters = axes[filter_axis]
            axes = tuple(axis for axis in axes if axis != filters)
        length = _length(part, axes)
        return part * (_length(weight, axes) / jnp.where(length > 0, length, 1))

    return jax.tree.map(scale, floating.widen(direction), floating.widen(params))


def orthogonalise(direction: chex.ArrayTree, against: chex.ArrayTree) -> chex.ArrayTree:
    """Take the component along `against` out of `direction`.

    d <- d - (<d, a> / <a, a>) a, over all parameters at once. It belongs after the
    scaling of `random_direction`; the norms of single filters then hold only nearly,
    as the cosine of two random directions is about 1 / sqrt(P).

    Args:
      direction: pytree d.
      against: pytree a, not zero, like d.

    Returns:
      The part of d that is orthogonal to a, at least float32.

    Example:
      >>> orthogonalise(jnp.array([1.0, 1.0]), jnp.array([2.0, 0.0]))
      Array([0., 1.], dtype=float32)
    """
    direction = floating.widen(direction)
    against, _ = floating.normalise(floating.widen(against))
    share = optax.tree.vdot(direction, against) / optax.tree.vdot(against, against)
    return optax.tree.add_scale(direction, -share, against)


def _length(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    scaled, power = floating.normalise(x, axis=axes)
    return power * jnp.sqrt(jnp.sum(scaled * scaled, axis=axes, keepdims=True))
