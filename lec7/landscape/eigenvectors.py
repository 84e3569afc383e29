"""The directions along which the loss bends most."""

import pathlib
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from lec7 import curvature


class HessianDirections(NamedTuple):
    """Eigenvectors, and the evidence that they are such."""

    directions: tuple[chex.ArrayTree, ...]  # k of them, orthonormal
    eigenvalues: jax.Array  # [k]
    residuals: jax.Array  # [k], see `curvature.Eigenpairs`


def hessian_directions(
    op: curvature.Operator,
    k: int = 2,
    *,
    key: jax.Array,
    which: str = "LA",
    tol: float = 1e-3,
    folder: pathlib.Path | None = None,
) -> HessianDirections:
    """Return the top eigenvectors of a curvature operator as directions of slices.

    At a minimum the loss rises by eigenvalue_i alpha^2 / 2 along the i-th, to second
    order. An eigenvector has no sign of its own: of each the entry of largest absolute
    value is positive here. Of a repeated eigenvalue any orthonormal basis is as good.

    Args:
      op: as from `curvature.hessian`, at the point of the slice.
      k: number of directions.
      key: typed PRNG key of the search.
      which: "LA", "SA" or "LM", see `curvature.top_eigenpairs`.
      tol: largest relative residual.
      folder: where the search is kept, and goes on; see `curvature.top_eigenpairs`.

    Returns:
      The directions, each of length 1; `normalise` scales one like a random direction.

    Example:
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> scales = jnp.array([[1.0, 5.0, 3.0]])
      >>> op = curvature.hessian(loss_fn, jnp.zeros(3), [scales])
      >>> found = hessian_directions(op, key=jax.random.key(0))
      >>> jnp.abs(jnp.stack(found.directions)).round(3)
      Array([[0., 1., 0.],
             [0., 0., 1.]], dtype=float32)

    References:
      Li et al. 2018, arXiv:1712.09913, section 6, for curvature beside slices.
    """
    pairs = curvature.top_eigenpairs(
        op, k, key=key, which=which, tol=tol, folder=folder
    )
    directions = tuple(
        _oriented(jax.tree.map(lambda leaf, index=i: leaf[index], pairs.vectors))
        for i in range(k)
    )
    return HessianDirections(directions, pairs.values, pairs.residuals)


def _oriented(vector: chex.ArrayTree) -> chex.ArrayTree:
    highest = max(jnp.max(leaf) for leaf in jax.tree.leaves(vector))
    lowest = min(jnp.min(leaf) for leaf in jax.tree.leaves(vector))
    sign = jnp.where(highest >= -lowest, 1, -1)
    return jax.tree.map(lambda leaf: leaf * sign.astype(leaf.dtype), vector)
