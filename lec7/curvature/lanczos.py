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

from lec7.curvature import floating, krylov, operators, resumption

RESOLUTION = 0.01  # of the largest |eigenvalue|: a smaller scale is not asked for
BLEND = 0.1  # of random in a guess, which may be an eigenvector that is not wanted

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
    keeper: resumption.Keeper,
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
      keeper: of the process, at which it goes on if it was begun.
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
    krylov.require_room(op, room + 1)
    if keeper.found is None:
        space = _start(known.vectors, room, _first(op, start, key))
        begin, restarts = known.matvecs, 0
    else:
        space, begin, restarts, largest = _found(keeper, op, room, fixed)
    for spent in itertools.count(begin + 1):
        _keep(keeper, space, known, spent - 1, restarts, largest)
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
            kept, restarts = (wanted + active) // 2, restarts + 1
            space = _restart(space, fixed, values[:kept], rotation[:, :kept])
    basis = _restart(space, fixed, values[:wanted], rotation[:, :wanted]).basis
    return Ritz(values[:wanted], basis[fixed : fixed + wanted], largest, spent)


def scale(values: np.ndarray, largest: float) -> float:
    """Return the size of eigenvalue that residuals are relative to."""
    return max(np.abs(values).max(), RESOLUTION * largest)


def eigh(matrix: np.ndarray, prefer: Preference) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues and eigenvectors, in columns, the most preferred first."""
    values, vectors = np.linalg.eigh(matrix)
    order = np.argsort(-prefer(values), kind="stable")
    return values[order], vectors[:, order]


def _keep(
    keeper: resumption.Keeper,
    space: Krylov,
    known: Ritz,
    spent: int,
    restarts: int,
    largest: float,
) -> None:
    fixed = len(known.values)
    keeper.save(
        f"{known.matvecs}.{restarts}",
        space.basis,
        fixed + len(space.projected) + 1,
        projected=space.projected,
        coupling=space.coupling,
        known=known.values,
        known_largest=known.largest,
        known_matvecs=known.matvecs,
        spent=spent,
        restarts=restarts,
        largest=largest,
    )


def known(keeper: resumption.Keeper, op: operators.Operator) -> Ritz:
    """Return the pairs to which a search that was begun stays orthogonal, or none."""
    if keeper.found is None:
        dtype = operators.flat_dtype(op.params)
        return Ritz(np.zeros(0), jnp.zeros((0, op.size), dtype), 0.0, 0)
    values, largest, matvecs = (
        keeper.found[name] for name in ("known", "known_largest", "known_matvecs")
    )
    vectors = jnp.asarray(keeper.rows()[: len(values)])
    return Ritz(values, vectors, float(largest), int(matvecs))


def _found(
    keeper: resumption.Keeper, op: operators.Operator, room: int, fixed: int
) -> tuple[Krylov, int, int, float]:
    """Return the space of a search that was begun, and its counts, for once."""
    rows, found = keeper.rows(), keeper.found
    if len(found["projected"]):
        first = jnp.asarray(rows[fixed : fixed + 1])
        keeper.check(first, found["projected"][:1, 0])
    keeper.found = None
    basis = jnp.pad(jnp.asarray(rows), ((0, room + 1 - len(rows)), (0, 0)))
    newest = operators.load(basis, len(rows) - 1, op.params)
    space = Krylov(basis, found["projected"], newest, float(found["coupling"]))
    spent, restarts = int(found["spent"]), int(found["restarts"])
    return space, spent, restarts, float(found["largest"])


def _start(known: jax.Array, room: int, first: Any) -> Krylov:
    rows = jnp.pad(known, ((0, room + 1 - len(known)), (0, 0)))
    basis, newest, *_ = krylov.append(rows, len(known), first)
    return Krylov(basis, np.zeros((0, 0)), newest, 0.0)


def _grow(
    op: operators.Operator, space: Krylov, fixed: int, spent: int, key: jax.Array
) -> Krylov:
    active = len(space.projected)
    row = fixed + active + 1
    if operators.is_one_program(op):
        basis, newest, *measured = krylov.multiply(space.basis, row, op, space.newest)
    else:
        basis, newest, *measured = krylov.append(space.basis, row, op(space.newest))
    krylov.require_host(basis)
    column, coupling, power = krylov.agreed(op, measured)
    krylov.require_finite(coupling)
    if coupling == 0:
        fresh = _random(op, jax.random.fold_in(key, spent))
        basis, newest, *_ = krylov.append(basis, row, fresh)
    projected = np.pad(space.projected, (0, 1))
    projected[active] = projected[:, active] = power * column[fixed:row]
    return Krylov(basis, projected, newest, float(power * coupling))


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


@functools.partial(jax.jit, donate_argnums=1)
def _mix(mixing: jax.Array, basis: jax.Array) -> jax.Array:
    with jax.default_matmul_precision("highest"):
        return mixing @ basis
