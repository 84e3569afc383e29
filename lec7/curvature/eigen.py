"""Extreme eigenpairs of a symmetric operator, and what lies in their space."""

import functools
import pathlib
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from lec7 import arguments
from lec7.curvature import floating, lanczos, operators, resumption

_PREFERENCES = {"LA": np.positive, "SA": np.negative, "LM": np.abs}


class Eigenpairs(NamedTuple):
    """Eigenvalues, eigenvectors, and the evidence that they are such."""

    values: jax.Array  # [k], descending; by absolute value for "LM"
    vectors: chex.ArrayTree  # like op.params, leaves [k, ...]; orthonormal
    residuals: jax.Array  # [k], |H v - value v| / scale
    products: int = 0  # with the operator that were spent


def top_eigenpairs(
    op: operators.Operator,
    k: int,
    *,
    key: jax.Array,
    which: str = "LA",
    tol: float = 1e-3,
    max_matvecs: int = 1000,
    start: chex.ArrayTree | None = None,
    folder: pathlib.Path | None = None,
) -> Eigenpairs:
    """Find k extreme eigenpairs by thick-restart Lanczos.

    The search stops by residuals, |H v - value v| <= tol * scale, with scale the
    largest |value| of the k, or a hundredth of the largest |eigenvalue| where they are
    all smaller than that. By symmetry an eigenvalue lies within the residual of each
    value; mostly it is much closer, at the square of the residual over the gap.

    A Krylov space holds one vector of each eigenspace. So for k > 1 the search goes on
    from a random start in the complement of what it found, until nothing better turns
    up there: an eigenvalue is returned as often as it occurs.

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      k: number of pairs, 1 <= k <= P.
      key: PRNG key of the start vectors; the result is a function of it.
      which: "LA" for the largest eigenvalues, "SA" for the smallest (most negative),
        "LM" for the largest absolute values.
      tol: largest relative residual; 1e-3 suits float32, float64 reaches 1e-10.
      max_matvecs: number of products at which the search stops in any case. Nothing is
        raised then: compare `residuals` with `tol`.
      start: pytree like `op.params`, a guess of the first vector that saves products,
        such as the last one found along a training; a tenth of its length is random.
      folder: where the basis is kept as the search goes. The same call goes on from
        there, after one product that tells whether it is the same problem, and ends in
        the same bits. It takes up to 2 k + 21 vectors of the size of the parameters.

    Returns:
      The pairs, with residuals computed from k more products.

    Raises:
      ValueError: k or `which` is out of range, a product is not finite, or the call is
        inside `jax.jit`, `vmap` or `grad`: the search is driven from the host; or the
        folder is damaged or of another problem.
      TooLargeError: the device has not room for 2 k + 21 vectors.

    Example:
      >>> import jax
      >>> from lec7.curvature import hessians
      >>> scales = jax.numpy.array([[1.0, -2.0, 3.0]])
      >>> def loss_fn(params, batch):
      ...     return jax.numpy.mean(batch @ params**2) / 2
      >>> op = hessians.hessian(loss_fn, jax.numpy.ones(3), [scales])
      >>> pairs = top_eigenpairs(op, 2, key=jax.random.key(0), which="LM")
      >>> pairs.values.round(4).tolist()
      [3.0, -2.0]

    References:
      Wu and Simon 2000, Thick-restart Lanczos method for large symmetric eigenvalue
      problems, SIAM J. Matrix Anal. Appl. 22(2).
    """
    arguments.require_one_of(_PREFERENCES, which=which)
    arguments.require(1 <= k <= op.size, "k", k, f"1 to P = {op.size}")
    settings = {"k": k, "key": key, "which": which, "tol": tol}
    settings |= {"max_matvecs": max_matvecs, "digest of start": (start,)}
    keeper = resumption.Keeper(folder, op, settings)
    prefer, op = _PREFERENCES[which], operators.linearise(op)
    # Half of the tolerance is left for what the pairs of one search add to another's.
    search = functools.partial(
        lanczos.search,
        op,
        room=min(op.size, 2 * k + 20),
        prefer=prefer,
        tol=tol / 2,
        max_matvecs=max_matvecs,
        keeper=keeper,
    )
    found = lanczos.known(keeper, op)
    if not len(found.values):
        found = search(found, wanted=k, key=key, start=start)
    while 1 < k < op.size and found.matvecs < max_matvecs:
        extra = search(found, wanted=1, key=jax.random.fold_in(key, found.matvecs))
        gain = prefer(extra.values[0]) - prefer(found.values[-1])
        found = _best(found, extra, k, prefer)
        if gain <= tol * lanczos.scale(found.values, found.largest):
            break
    pairs = _certify(op, found, np.abs if which == "LM" else np.positive)
    return pairs._replace(products=found.matvecs + k)


@jax.jit
def overlap(v: chex.ArrayTree, vectors: chex.ArrayTree) -> jax.Array:
    """Return the share of a vector's squared length that lies in a subspace.

    sum_i <u_i, v>^2 / |v|^2, from 0 to 1. A random direction has k / P on average; the
    gradient and the update of a network have far more in the space of the largest
    eigenvalues.

    Args:
      v: pytree like the parameters: a gradient, an update.
      vectors: leaves [k, ...], orthonormal, as `top_eigenpairs` returns them.

    Returns:
      The share, a scalar; 0 for the zero vector.

    Example:
      >>> axes = {"w": jnp.eye(4)[:2]}
      >>> float(overlap({"w": jnp.ones(4)}, axes))
      0.5

    References:
      Gur-Ari, Roberts, Dyer 2018, Gradient descent happens in a tiny subspace,
      arXiv:1812.04754, eq. 3.
    """
    v, _ = floating.normalise(floating.widen(v))
    with jax.default_matmul_precision("highest"):
        parts = jax.vmap(optax.tree.vdot, in_axes=(0, None))(vectors, v)
        square = optax.tree.vdot(v, v)
    return jnp.sum(parts**2) / jnp.where(square > 0, square, 1)


def _best(
    found: lanczos.Ritz, extra: lanczos.Ritz, k: int, prefer: lanczos.Preference
) -> lanczos.Ritz:
    values = np.append(found.values, extra.values)
    best = np.argsort(-prefer(values), kind="stable")[:k]
    vectors = _choose(found.vectors, extra.vectors, best)
    return lanczos.Ritz(values[best], vectors, extra.largest, extra.matvecs)


@jax.jit
def _choose(old: jax.Array, new: jax.Array, rows: jax.Array) -> jax.Array:
    return jnp.concatenate([old, new])[rows]


# The last Rayleigh-Ritz step, on products of the very vectors that are returned.
def _certify(
    op: operators.Operator, found: lanczos.Ritz, order: lanczos.Preference
) -> Eigenpairs:
    products, power = _normalise(operators.products(op, found.vectors))
    values, rotation = lanczos.eigh(_project(found.vectors, products), order)
    scale = lanczos.scale(values, found.largest / np.float64(power))
    scale = scale or 1.0  # zero for a zero operator
    pairs = _rotate(op.params, found.vectors, products, values, rotation, scale)
    return pairs._replace(values=power * pairs.values)


_normalise = jax.jit(floating.normalise)


@jax.jit
def _project(vectors: jax.Array, products: jax.Array) -> jax.Array:
    with jax.default_matmul_precision("highest"):
        return vectors @ products.T


@jax.jit
def _rotate(
    params: chex.ArrayTree,
    vectors: jax.Array,
    products: jax.Array,
    values: jax.Array,
    rotation: jax.Array,
    scale: float,
) -> Eigenpairs:
    with jax.default_matmul_precision("highest"):
        vectors, products = rotation.T @ vectors, rotation.T @ products
    residuals = jnp.linalg.norm(products - values[:, None] * vectors, axis=1)
    unravel = jax.vmap(ravel_pytree(params)[1])
    return Eigenpairs(values, unravel(vectors), residuals / scale)
