"""Thick-restart Lanczos in the complement of known vectors.

The rows of a basis V are orthonormal. It grows by one product at a time: w = H v of the
newest row is orthogonalised, twice, against every row; the coefficients are the next
column of T = V H V^T, and what remains of w is the next row. T is measured, never
assumed to be tridiagonal, so it is the projection of H after a restart and after a
breakdown too. The host drives, which keeps products out of the loops of XLA.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from lec7 import hosts
from lec7.curvature import floating, operators

RESOLUTION = 0.01  # of the largest |eigenvalue|: a smaller scale is not asked for
BLEND = 0.1  # of random in a guess, which may be an eigenvector that is not wanted
ROUNDING = 100  # units; a smaller remainder of a product has no direction

Preference = Callable[[np.ndarray], np.ndarray]  # values -> numbers, largest preferred


class Ritz(NamedTuple):
    """Ritz pairs, the preferred ones first, and what was met on the way to them."""

    values: np.ndarray  # [k]
    vectors: jax.Array  # [k, P], orthonormal
    largest: float  # the largest |Ritz value| met so far
    matvecs: int  # number of products spent so far


class Krylov(NamedTuple):
    """A basis, and what is known of the operator on it."""

    basis: jax.Array  # [rows, P]: known rows, n active ones, the newest, then zeros
    projected: np.ndarray  # [n, n], T on the active rows
    newest: Any  # pytree: the row that has not been multiplied yet
    coupling: float  # the length of what remained of the last product


def search(
    op: operators.Operator,
    known: Ritz,
    *,
    wanted: int,
    room: int,
    prefer: Preference,
    tol: float,
    max_matvecs: int,
    key: jax.Array,
    start: Any = None,
) -> Ritz:
    """Find the preferred eigenpairs of an operator in the complement of known vectors.

    Stops when the residual of every wanted pair is at most tol * scale. Where the
    Krylov space ends, as it does at once for the identity, a random vector goes on.

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      known: the pairs to stay orthogonal to.
      wanted: number of pairs to find.
      room: number of vectors to hold, the known ones included, at most P.
      prefer: says which pairs are wanted.
      tol: largest relative residual.
      max_matvecs: number of products, the earlier ones included, at which to stop in
        any case, once there are as many pairs as are wanted.
      key: PRNG key of the random vectors.
      start: pytree like `op.params`, a guess to begin near; None for none.

    Returns:
      The wanted pairs.

    Raises:
      ValueError: a product is not finite, or the call is traced.

    References:
      Wu and Simon 2000, Thick-restart Lanczos method for large symmetric eigenvalue
      problems, SIAM J. Matrix Anal. Appl. 22(2).
    """
    fixed, largest = len(known.values), known.largest
    stride = 1 + wanted // 5  # the small eigenproblem is not free for a large one
    space = _start(known.vectors, room, _first(op, start, key))
    for spent in itertools.count(known.matvecs + 1):
        space = _grow(op, space, fixed, spent, key)
        active = len(space.projected)
        full, over = fixed + active == room, spent >= max_matvecs
        if active < wanted or not (full or over or active % stride == 0):
            continue
        values, rotation = eigh(space.projected, prefer)
        largest = max(largest, np.abs(values).max())
        residuals = space.coupling * np.abs(rotation[-1, :wanted])
        bound = tol * scale(np.append(known.values, values[:wanted]), largest)
        if over or (residuals <= bound).all():
            break
        if full:
            kept = (wanted + active) // 2
            space = _restart(space, fixed, values[:kept], rotation[:, :kept])
    basis = _restart(space, fixed, values[:wanted], rotation[:, :wanted]).basis
    return Ritz(values[:wanted], basis[fixed : fixed + wanted], largest, spent)


def tridiagonalise(
    op: operators.Operator, starts: jax.Array, order: int
) -> list[np.ndarray]:
    """Project an operator onto the Krylov space of each of several vectors.

    They take each step together, and those whose space has ended multiply zero.

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      starts: the vectors [M, P].
      order: number of products with each, at most P.

    Returns:
      T = V H V^T, [n, n], for each vector, with start / |start| the first row of V;
      n = order, or less where the space ends.

    Raises:
      ValueError: a product is not finite, or the call is traced.
    """
    bases = jnp.zeros((len(starts), order + 1, op.size), starts.dtype)
    bases, newest, *_ = _append_all(bases, 0, starts)
    measured, open_ = [], np.ones(len(starts), bool)
    sizes = np.zeros(len(starts), int)
    while len(measured) < order and open_.any():
        row = len(measured) + 1
        bases, newest, *found = _append_all(bases, row, operators.products(op, newest))
        _require_host(bases)
        column, coupling, power = _agreed(op, found)
        _require_finite(coupling[open_])
        measured.append(power[:, None] * column)
        sizes[open_] = row
        open_ &= coupling != 0
    columns = np.stack(measured, axis=2)
    upper = [np.triu(each[:n, :n]) for each, n in zip(columns, sizes, strict=True)]
    return [each + np.triu(each, 1).T for each in upper]


def scale(values: np.ndarray, largest: float) -> float:
    """Return the size of eigenvalue that residuals are relative to."""
    return max(np.abs(values).max(), RESOLUTION * largest)


def eigh(matrix: np.ndarray, prefer: Preference) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues and eigenvectors, in columns, the most preferred first."""
    values, vectors = np.linalg.eigh(matrix)
    order = np.argsort(-prefer(values), kind="stable")
    return values[order], vectors[:, order]


def _start(known: jax.Array, room: int, first: Any) -> Krylov:
    rows = jnp.pad(known, ((0, room + 1 - len(known)), (0, 0)))
    basis, newest, *_ = _append(rows, len(known), first)
    return Krylov(basis, np.zeros((0, 0)), newest, 0.0)


def _grow(
    op: operators.Operator, space: Krylov, fixed: int, spent: int, key: jax.Array
) -> Krylov:
    active = len(space.projected)
    row = fixed + active + 1
    if operators.is_one_program(op):
        basis, newest, *measured = _multiply(space.basis, row, op, space.newest)
    else:
        basis, newest, *measured = _append(space.basis, row, op(space.newest))
    _require_host(basis)
    column, coupling, power = _agreed(op, measured)
    _require_finite(coupling)
    if coupling == 0:
        fresh = _random(op, jax.random.fold_in(key, spent))
        basis, newest, *_ = _append(basis, row, fresh)
    projected = np.pad(space.projected, (0, 1))
    projected[active] = projected[:, active] = power * column[fixed:row]
    return Krylov(basis, projected, newest, float(power * coupling))


def _require_host(basis: jax.Array) -> None:
    """Check that the process runs on the host, which looks at every product.

    Raises:
      ValueError: it is traced.
    """
    if isinstance(basis, jax.core.Tracer):
        raise ValueError(
            "the Lanczos process is traced, and it is driven from the host, which "
            "looks at every product; expected a call outside of jax.jit, vmap and "
            "grad, where each product is compiled in any case"
        )


def _agreed(op: operators.Operator, measured: Any) -> list[np.ndarray]:
    """Return numbers to decide by, the first host's on all of them."""
    own = [np.asarray(leaf, np.float64) for leaf in jax.device_get(measured)]
    return hosts.from_first(lambda: own) if operators.is_shared(op) else own


def _require_finite(couplings: np.ndarray | float) -> None:
    if not np.isfinite(couplings).all():
        raise ValueError(
            "a product of the operator is not finite: are the loss and its first two "
            "derivatives finite at these parameters?"
        )


def _restart(
    space: Krylov, fixed: int, values: np.ndarray, rotation: np.ndarray
) -> Krylov:
    active, kept = rotation.shape
    mixing = np.zeros((len(space.basis), len(space.basis)))
    mixing[:fixed, :fixed] = np.eye(fixed)
    mixing[fixed : fixed + kept, fixed : fixed + active] = rotation.T
    mixing[fixed + kept, fixed + active] = 1  # the newest row
    basis = _mix(mixing.astype(space.basis.dtype), space.basis)
    return space._replace(basis=basis, projected=np.diag(values))


def _first(op: operators.Operator, guess: Any, key: jax.Array) -> Any:
    random = _random(op, key)
    if guess is None:
        return random
    length = floating.norm(guess)
    share = jnp.where(length > 0, BLEND * length / op.size**0.5, 1)
    return optax.tree.add_scale(guess, share, random)


def _random(op: operators.Operator, key: jax.Array) -> Any:
    dtype = operators.flat_dtype(op.params)
    rows = jax.random.normal(key, (1, op.size), dtype)
    return operators.load(rows, 0, op.params)


# The new row is the part of the tree that is orthogonal to the basis, or zeros, which
# are orthogonal to everything, if that part is nothing but rounding. Coefficients and
# length come over a power of two, as what is small or large has no squares.
@functools.partial(jax.jit, donate_argnums=0)
def _append(
    basis: jax.Array, row: int, tree: Any
) -> tuple[jax.Array, Any, jax.Array, jax.Array, jax.Array]:
    vector, unravel = ravel_pytree(tree)
    vector, power = floating.normalise(vector)
    with jax.default_matmul_precision("highest"):
        first = basis @ vector
        rest = vector - first @ basis
        second = basis @ rest
        rest = rest - second @ basis
    rounding = ROUNDING * jnp.finfo(basis.dtype).eps * jnp.linalg.norm(vector)
    length = jnp.linalg.norm(rest)
    length = jnp.where(length <= rounding, 0, length)
    unit = jnp.where(length > 0, rest / jnp.where(length > 0, length, 1), 0)
    return basis.at[row].set(unit), unravel(unit), first + second, length, power


@functools.partial(jax.jit, donate_argnums=0)
def _multiply(basis: jax.Array, row: int, op: operators.Operator, newest: Any) -> tuple:
    return _append(basis, row, op(newest))


@functools.partial(jax.jit, donate_argnums=0)
def _append_all(bases: jax.Array, row: int, vectors: jax.Array) -> tuple:
    return jax.vmap(_append, in_axes=(0, None, 0))(bases, row, vectors)


@functools.partial(jax.jit, donate_argnums=1)
def _mix(mixing: jax.Array, basis: jax.Array) -> jax.Array:
    with jax.default_matmul_precision("highest"):
        return mixing @ basis
