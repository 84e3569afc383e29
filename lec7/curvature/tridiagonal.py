"""Lanczos from several vectors at once, which ends in tridiagonal matrices."""

import jax
import jax.numpy as jnp
import numpy as np

from lec7.curvature import krylov, operators, resumption


def tridiagonalise(
    op: operators.Operator,
    starts: jax.Array,
    order: int,
    keeper: resumption.Keeper,
    **done: np.ndarray,
) -> list[np.ndarray]:
    """Project an operator onto the Krylov space of each of several vectors.

    They take each step together, and those whose space has ended multiply zero.

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      starts: the vectors [M, P].
      order: number of products with each, at most P.
      keeper: of the process, at which it goes on if it was begun.
      **done: what was found before, and is kept with it.

    Returns:
      T = V H V^T, [n, n], for each vector, with start / |start| the first row of V;
      n = order, or less where the space ends.

    Raises:
      ValueError: a product is not finite, or the call is traced.
    """
    vectors = len(starts) * (order + 1)
    krylov.require_room(op, vectors)
    bases = jnp.zeros((len(starts), order + 1, op.size), starts.dtype)
    if keeper.found is None:
        bases, newest, *_ = krylov.append_all(bases, 0, starts)
        measured, open_ = [], np.ones(len(starts), bool)
        sizes = np.zeros(len(starts), int)
    else:
        bases, newest, measured, open_, sizes = _found_all(keeper, bases)
    while len(measured) < order and open_.any():
        row = len(measured) + 1
        kept = {"measured": measured, "open": open_, "sizes": sizes, **done}
        keeper.save(str(len(done["values"])), bases, row, **kept)
        bases, newest, *found = krylov.append_all(
            bases, row, operators.products(op, newest)
        )
        krylov.require_host(bases)
        column, coupling, power = krylov.agreed(op, found)
        krylov.require_finite(coupling[open_])
        measured.append(power[:, None] * column)
        sizes[open_] = row
        open_ &= coupling != 0
    columns = np.stack(measured, axis=2)
    upper = [np.triu(each[:n, :n]) for each, n in zip(columns, sizes, strict=True)]
    return [each + np.triu(each, 1).T for each in upper]


def _found_all(keeper: resumption.Keeper, bases: jax.Array) -> tuple:
    """Return the spaces of several vectors that were begun, for once."""
    rows, found = keeper.rows(), keeper.found
    measured, open_, sizes = (found[name] for name in ("measured", "open", "sizes"))
    if len(measured):
        keeper.check(jnp.asarray(rows[0]), measured[0, :, 0])
    keeper.found = None
    bases = bases.at[:, : len(rows)].set(jnp.asarray(rows).transpose(1, 0, 2))
    return bases, bases[:, len(rows) - 1], list(measured), open_, sizes
