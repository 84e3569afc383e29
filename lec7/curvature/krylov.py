"""Bases of Krylov spaces: a row more, orthogonal to those before it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from lec7 import hosts, memory
from lec7.curvature import floating, operators

ROUNDING = 100  # units; a smaller remainder of a product has no direction


def require_room(op: operators.Operator, rows: int) -> None:
    """Check that a device has room for vectors of the size of the parameters.

    Raises:
      TooLargeError: it has not.
    """
    leaf = jax.tree.leaves(op.params)[0]
    if isinstance(leaf, jax.core.Tracer):
        return
    device = next(iter(leaf.devices()))
    size = operators.flat_dtype(op.params).itemsize * op.size
    memory.require(rows * size, f"{rows:,} vectors of {op.size:,} numbers", device)


def require_host(basis: jax.Array) -> None:
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


def agreed(op: operators.Operator, measured: Any) -> list[np.ndarray]:
    """Return numbers to decide by, the first host's on all of them."""
    own = [np.asarray(leaf, np.float64) for leaf in jax.device_get(measured)]
    return hosts.from_first(lambda: own) if operators.is_shared(op) else own


def require_finite(couplings: np.ndarray | float) -> None:
    """Check the lengths of what remained of products.

    Raises:
      ValueError: one is not finite.
    """
    if not np.isfinite(couplings).all():
        raise ValueError(
            "a product of the operator is not finite: are the loss and its first two "
            "derivatives finite at these parameters?"
        )


# The new row is the part of the tree that is orthogonal to the basis, or zeros, which
# are orthogonal to everything, if that part is nothing but rounding. Coefficients and
# length come over a power of two, as what is small or large has no squares.
@functools.partial(jax.jit, donate_argnums=0)
def append(
    basis: jax.Array, row: int, tree: Any
) -> tuple[jax.Array, Any, jax.Array, jax.Array, jax.Array]:
    """Return the basis with a row more, that row as a tree, and what was measured."""
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
def multiply(basis: jax.Array, row: int, op: operators.Operator, newest: Any) -> tuple:
    """Return what `append` does for the product with the newest row, one program."""
    return append(basis, row, op(newest))


@functools.partial(jax.jit, donate_argnums=0)
def append_all(bases: jax.Array, row: int, vectors: jax.Array) -> tuple:
    """Return what `append` does for each of several bases."""
    return jax.vmap(append, in_axes=(0, None, 0))(bases, row, vectors)
