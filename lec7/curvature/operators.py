"""Curvature operators: symmetric linear maps on the parameters, never formed."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from lec7.curvature import batch_means, floating, placement, symmetry

DENSE_LIMIT = 4096  # parameters; the matrix is then 64 MiB in float32


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Operator:
    """The mean over examples of a product that is linear in a vector v.

    op(v) = sum_b B_b product(params, v, batch_b) / sum_b B_b, with B_b the number of
    examples of batch b. Operators that differ only in arrays share one compilation.

    Attributes:
      product: params, v, batch -> pytree like params, a mean over the batch.
      params: pytree of arrays of at least float32, the point at which curvature is
        measured.
      batches: pytrees whose leaves have the examples in their first axis, on their
        devices, or a stream of such.
    """

    product: jax.tree_util.Partial
    params: chex.ArrayTree
    batches: tuple[chex.ArrayTree, ...] | placement.Stream

    @property
    def size(self) -> int:
        """The number of parameters, P."""
        return optax.tree.size(self.params)

    def __call__(self, v: chex.ArrayTree) -> chex.ArrayTree:
        """Multiply a vector.

        Args:
          v: pytree like params; numbers of another type are cast to theirs.

        Returns:
          A pytree like params.

        Raises:
          ValueError: v is not like them.
        """
        require_like(v, self.params, "v")
        v = jax.tree.map(lambda x, p: jnp.asarray(x, p.dtype), v, self.params)
        return batch_means.mean(self.product, self.batches, self.params, v)

    def to_dense(self) -> jax.Array:
        """Form the matrix [P, P] by P products, in the order of `ravel_pytree`.

        Returns:
          The matrix, with what rounding leaves of its symmetry.

        Raises:
          ValueError: there are more than `DENSE_LIMIT` parameters.
        """
        if self.size > DENSE_LIMIT:
            raise ValueError(
                f"to_dense forms a matrix of P^2 entries, for P <= {DENSE_LIMIT} "
                f"parameters only, and here P = {self.size}: use top_eigenpairs or "
                "trace, which need nothing but products"
            )
        return products(self, jnp.eye(self.size, dtype=flat_dtype(self.params))).T


def build(
    product: jax.tree_util.Partial,
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    devices: Sequence[jax.Device] | None,
    check: bool,
) -> Operator:
    """Return an operator on arrays that are checked and put on their devices.

    Parameters of half precision become float32: so do the point that the loss is given
    and the vectors, whose directions would be lost to rounding.

    `product` maps params, v, batch to a mean over the batch, a pytree like params; the
    rest is as for `hessian`.

    Raises:
      ValueError: as for `hessian`.
    """
    op = Operator(product, _floating(params), batch_means.spread(batches, devices))
    if check:
        symmetry.verify(op)
    return op


def products(op: Callable[[Any], Any], vectors: jax.Array) -> jax.Array:
    """Return the products of an operator with every row of a matrix, [M, P].

    The rows are walked on the host for the reason that batches are; a `vmap` over rows
    is slower than this for dense layers on a CPU, and takes M times the memory.
    """
    result = jnp.zeros_like(vectors)
    for row in range(len(vectors)):
        result = _store(result, row, op(load(vectors, row, op.params)))
    return result


def flat_dtype(params: chex.ArrayTree) -> jnp.dtype:
    """Return the dtype of the parameters as one vector, at least float32."""
    return jnp.promote_types(jnp.result_type(*jax.tree.leaves(params)), jnp.float32)


def require_like(v: chex.ArrayTree, params: chex.ArrayTree, name: str) -> None:
    """Refuse a tree without the structure and shapes of the parameters.

    Raises:
      ValueError: it is not like them.
    """
    expected, given = jax.tree.structure(params), jax.tree.structure(v)
    if expected != given:
        raise ValueError(f"{name} is {given}; expected a tree like params, {expected}")
    for (path, p), x in zip(
        jax.tree.leaves_with_path(params), jax.tree.leaves(v), strict=True
    ):
        if jnp.shape(p) != jnp.shape(x):
            raise ValueError(
                f"{name}{jax.tree_util.keystr(path)} has shape {jnp.shape(x)}; "
                f"expected {jnp.shape(p)}, that of the parameter"
            )


@jax.jit
def load(vectors: jax.Array, row: int, params: chex.ArrayTree) -> chex.ArrayTree:
    """Return a row of vectors [M, P] as a tree like the parameters."""
    return ravel_pytree(params)[1](vectors[row])


def _store_row(matrix: jax.Array, row: int, tree: chex.ArrayTree) -> jax.Array:
    return matrix.at[row].set(ravel_pytree(tree)[0])


_store = jax.jit(_store_row, donate_argnums=0)


def _floating(params: chex.ArrayTree) -> chex.ArrayTree:
    for path, leaf in jax.tree.leaves_with_path(params):
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            raise ValueError(
                f"params{jax.tree_util.keystr(path)} has the dtype "
                f"{jnp.result_type(leaf)}, and curvature needs real floating-point "
                "parameters: bind other arrays to loss_fn by jax.tree_util.Partial"
            )
    return floating.widen(batch_means.to_device(params))
