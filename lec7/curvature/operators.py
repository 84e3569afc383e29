"""Curvature operators: symmetric linear maps on the parameters, never formed."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from lec7 import arguments
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
      linear: whether the derivative of `product` by v, in forward mode, is `product`
        itself. Then what does not depend on v is computed once for many vectors.
    """

    product: jax.tree_util.Partial
    params: chex.ArrayTree
    batches: tuple[chex.ArrayTree, ...] | placement.Stream
    linear: bool = dataclasses.field(default=False, metadata={"static": True})

    @property
    def size(self) -> int:
        """The number of parameters, P."""
        return optax.tree.size(self.params)

    @functools.cached_property
    def loops(self) -> bool:
        """Whether many products are fast in a loop, within one program a batch."""
        shapes = placement.shapes(placement.first(self.batches))
        return placement.is_fast_in_loop(self.product, self.params, self.params, shapes)

    def __call__(self, v: chex.ArrayTree) -> chex.ArrayTree:
        """Multiply a vector.

        Args:
          v: pytree like params; numbers of another type are cast to theirs.

        Returns:
          A pytree like params.

        Raises:
          ValueError: v is not like them, or not of real numbers.
        """
        require_like(v, self.params, "v")
        for leaf in jax.tree.leaves(v):
            dtype = jnp.result_type(leaf)
            kinds = (jnp.floating, jnp.integer, jnp.bool_)
            is_real = any(jnp.issubdtype(dtype, kind) for kind in kinds)
            arguments.require(is_real, "the dtype of v", str(dtype), "real numbers")
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
    linear: bool = True,
) -> Operator:
    """Return an operator on arrays that are checked and put on their devices.

    Parameters of half precision become float32: so do the point that the loss is given
    and the vectors, whose directions would be lost to rounding.

    `product` maps params, v, batch to a mean over the batch, a pytree like params; the
    rest is as for `hessian`.

    Raises:
      ValueError: as for `hessian`.
    """
    frozen = batch_means.spread(batches, devices)
    op = Operator(product, _floating(params), frozen, linear)
    if check:
        symmetry.verify(op)
    return op


def products(op: Callable[[Any], Any], vectors: jax.Array) -> jax.Array:
    """Return the products of an operator with every row of a matrix, [M, P].

    A batch takes several rows in one program, where a loop is fast, and what does not
    depend on them is computed once for all; elsewhere the rows are walked on the host.
    """
    if getattr(op, "loops", False):
        return _products_by_rounds(op, vectors)
    op, result = linearise(op), jnp.zeros_like(vectors)
    for row in range(len(vectors)):
        result = _store(result, row, op(load(vectors, row, op.params)))
    return result


def linearise(op: Operator) -> Operator:
    """Return the operator with all computed that does not depend on the vector.

    For a product with the Hessian that is the network and its derivatives, a third of
    the work. The operator is returned as it is if they do not fit into
    `placement.KEPT`, or its batches are streamed.
    """
    total = derivatives(op)
    if not total:
        return op
    kept = tuple(_prepared(op, batch) for batch in op.batches)
    shared = placement.is_shared(op.batches)
    places = set() if shared else set(map(placement.device_of, op.batches))
    if total <= placement.FUSED and len(places) == 1:
        rest = jax.tree_util.Partial(_apply_all, kept)
        examples = sum(map(batch_means.examples, kept))
        kept = (batch_means.Prepared(rest, examples),)
    return Operator(jax.tree_util.Partial(_apply), op.params, kept)


def derivatives(op: Operator) -> float:
    """Return the bytes that `linearise` would keep, 0 where it keeps nothing."""
    if not getattr(op, "linear", False) or isinstance(op.batches, placement.Stream):
        return 0.0
    shapes = placement.shapes(op.batches[0])  # the same on all hosts
    first = jax.eval_shape(_linearise, op.product, op.params, shapes)
    sizes = [batch_means.examples(batch) for batch in op.batches]
    total = placement.nbytes(first) * sum(sizes) / sizes[0]
    return total if total <= placement.KEPT else 0.0


def _prepared(op: Operator, batch: chex.ArrayTree) -> Any:
    """Return what stands for a batch in a linearised operator."""
    if isinstance(batch, placement.Elsewhere):
        return batch
    inputs = placement.move((op.product, op.params), placement.device_of(batch))
    return batch_means.Prepared(_linearise(*inputs, batch), batch_means.examples(batch))


def is_shared(op: Callable[[Any], Any]) -> bool:
    """Return whether the batches of an operator are on several hosts."""
    return isinstance(op, Operator) and placement.is_shared(op.batches)


def is_one_program(op: Callable[[Any], Any]) -> bool:
    """Return whether a product is one program, without a walk over batches."""
    return (
        isinstance(op, Operator)
        and isinstance(op.batches, tuple)
        and len(op.batches) == 1
        and isinstance(op.batches[0], batch_means.Prepared)
    )


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


@jax.jit
def _linearise(product: Any, params: Any, batch: Any) -> jax.tree_util.Partial:
    def multiply(v):
        return floating.widen(product(params, v, batch))

    with jax.default_matmul_precision("highest"):
        return jax.linearize(multiply, jax.tree.map(jnp.zeros_like, params))[1]


def _apply(params: Any, v: Any, batch: batch_means.Prepared) -> chex.ArrayTree:
    del params
    return batch.rest(v)


def _apply_all(batches: tuple[batch_means.Prepared, ...], v: Any) -> chex.ArrayTree:
    return batch_means.mean(jax.tree_util.Partial(_apply), batches, None, v)


def _products_by_rounds(op: Operator, vectors: jax.Array) -> jax.Array:
    count, width = vectors.shape
    most = placement.rows(width, vectors.dtype.itemsize)
    product = jax.tree_util.Partial(_rows, op.product, _Static(op.linear))
    parts = []
    for start in range(0, count, most):
        taken = min(most, count - start)
        part = _take(vectors, start, most)
        parts.append(batch_means.mean(product, op.batches, op.params, part, taken))
    return _join(tuple(parts), count)


@functools.partial(jax.jit, static_argnums=2)
def _take(vectors: jax.Array, start: int, count: int) -> jax.Array:
    """Return rows, filled up with zeros; one shape for all numbers of them."""
    index = start + jnp.arange(count)
    return vectors.at[index].get(mode="fill", fill_value=0)


@functools.partial(jax.jit, static_argnums=1)
def _join(parts: tuple[jax.Array, ...], count: int) -> jax.Array:
    return jnp.concatenate(parts)[:count]


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Static:
    value: bool


def _rows(
    product: Any, linear: _Static, params: Any, rows: jax.Array, count: int, batch: Any
) -> jax.Array:
    """Return the products with the first `count` rows, [M, P]."""
    unravel = ravel_pytree(params)[1]
    multiply = (
        _linearise(product, params, batch)
        if linear.value
        else lambda v: floating.widen(product(params, v, batch))
    )

    def store(row, result):
        return _store_row(result, row, multiply(unravel(rows[row])))

    return jax.lax.fori_loop(0, count, store, jnp.zeros_like(rows))


def _store_row(matrix: jax.Array, row: int, tree: chex.ArrayTree) -> jax.Array:
    return matrix.at[row].set(ravel_pytree(tree)[0])


_store = jax.jit(_store_row, donate_argnums=0)


def _floating(params: chex.ArrayTree) -> chex.ArrayTree:
    arguments.require_arrays(params=params)
    for path, leaf in jax.tree.leaves_with_path(params):
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            raise ValueError(
                f"params{jax.tree_util.keystr(path)} has the dtype "
                f"{jnp.result_type(leaf)}, and curvature needs real floating-point "
                "parameters: bind other arrays to loss_fn by jax.tree_util.Partial"
            )
    return floating.widen(batch_means.to_device(params))
