"""Floating-point numbers that keep their digits, however small, large or short.

In half precision a sum over many batches stalls or overflows, and w + e may be w. So
whatever is measured is computed in at least float32. There in turn squares vanish below
1e-19 and are infinite above 1e19, where a loss of 1e-20 is still a number. So lengths
are taken of vectors divided by a power of two, which changes no digit.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from lec7 import arguments


def widen(tree: Any) -> Any:
    """Return a tree with leaves of half precision as float32, and others as they are.

    Raises:
      ValueError: a leaf is neither an array nor a number.

    Example:
      >>> widen((jnp.ones(2, jnp.bfloat16), jnp.arange(2)))
      (Array([1., 1.], dtype=float32), Array([0, 1], dtype=int32))
    """
    arguments.require_arrays(params=tree)

    def wide(leaf):
        dtype = getattr(leaf, "dtype", None)
        short = dtype in (jnp.float16, jnp.bfloat16)
        return jnp.asarray(leaf, jnp.float32) if short else leaf

    return jax.tree.map(wide, tree)


def normalise(
    tree: chex.ArrayTree, axis: int | tuple[int, ...] | None = None
) -> tuple[chex.ArrayTree, jax.Array]:
    """Return a tree over the power of two by which entries are 1 at most, and that.

    Of one array it may be a power for each place along the other axes, and keeps its
    axes. Where all entries are zero, or one is not finite, it is 1. It is not
    differentiated.
    """
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    keep = axis is not None
    tops = [jnp.max(jnp.abs(x), axis=axis, keepdims=keep, initial=0) for x in leaves]
    top = jnp.max(jnp.stack(tops), axis=0) if tops else jnp.zeros(())
    lowest = jnp.finfo(top.dtype).minexp
    exponent = jnp.clip(jnp.frexp(jax.lax.stop_gradient(top))[1], lowest, -lowest)
    power = jnp.ldexp(jnp.ones_like(top), exponent)
    return jax.tree.map(lambda leaf: leaf / power, tree), power


def norm(tree: chex.ArrayTree) -> jax.Array:
    """Return the L2 norm of a tree, whatever the size of its entries."""
    scaled, power = normalise(widen(tree))
    return power * optax.tree.norm(scaled)
