"""Curvature operators: symmetric linear maps on the parameters, never formed."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from lec7.curvature import averages

DENSE_LIMIT = 4096  # parameters; the matrix is then 64 MiB in float32


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Operator:
    """The mean over examples of a product that is linear in a vector v.

    op(v) = sum_b B_b product(params, v, batch_b) / sum_b B_b, with B_b the number of
    examples of batch b. Operators that differ only in arrays share one compilation.

    Attributes:
      product: params, v, batch -> pytree like params, a mean over the batch.
      params: pytree of arrays, the point at which curvature is measured.
      batches: pytrees whose leaves have the examples in their first axis.
    """

    product: jax.tree_util.Partial
    params: chex.ArrayTree
    batches: tuple[chex.ArrayTree, ...]

    @property
    def size(self) -> int:
        """The number of parameters, P."""
        return optax.tree.size(self.params)

    def __call__(self, v: chex.ArrayTree) -> chex.ArrayTree:
        """Multiply a vector.

        Args:
          v: pytree like params.

        Returns:
          A pytree like params.
        """
        _check_like(v, self.params)
        return averages.mean(self.product, self.batches, self.params, v)

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


def hessian(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Sequence[chex.ArrayTree],
    *,
    mode: str = "forward_over_reverse",
) -> Operator:
    """Return the Hessian of the mean loss over all examples of all batches.

    H = d^2 L / d params^2, L = sum_b B_b loss_fn(params, batch_b) / sum_b B_b.

    The Hessian is symmetric only when the loss is one function: bind the key of
    dropout or augmentation to `loss_fn`, and choose the mode of BatchNorm there. With
    statistics of the batch (train mode) the mean over batches depends on how the
    examples are split; with running statistics (test mode) it does not.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        (batch statistics, say) is best bound as a leading argument by
        `jax.tree_util.Partial(loss_fn, ...)`: then all operators share one compilation.
      params: pytree of real floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis; unequal
        batches are weighted by their number of examples.
      mode: "forward_over_reverse", the fastest; "reverse_over_reverse", for a loss
        with a `custom_vjp`; or "finite_difference" of two gradients, for a smooth loss
        that can be differentiated only once (it sees the kinks of a relu as curvature).

    Returns:
      The operator v -> H v.

    Raises:
      ValueError: the mode is unknown, a leaf of params is not floating-point, or the
        batches are empty or disagree with themselves.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(0.5 * (batch @ params) ** 2)
      >>> examples = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> op = hessian(loss_fn, jnp.zeros(2), [examples])
      >>> op(jnp.array([1.0, -1.0]))
      Array([ 0., -1.], dtype=float32)
      >>> op.size, op.to_dense().tolist()
      (2, [[1.0, 1.0], [1.0, 2.0]])

    References:
      Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6.
    """
    if mode not in _HESSIAN_PRODUCTS:
        raise ValueError(f"mode must be one of {[*_HESSIAN_PRODUCTS]}, got {mode!r}")
    product = jax.tree_util.Partial(
        _HESSIAN_PRODUCTS[mode], averages.as_partial(loss_fn)
    )
    return Operator(product, _floating(params), averages.freeze(batches))


def products(op: Callable[[Any], Any], vectors: jax.Array) -> jax.Array:
    """Multiply every row of a matrix.

    The rows are walked on the host for the reason that batches are; a `vmap` over rows
    is slower than this for dense layers on a CPU, and takes M times the memory.

    Args:
      op: an operator on pytrees like `op.params`.
      vectors: [M, P].

    Returns:
      The products, [M, P].
    """
    result = jnp.zeros_like(vectors)
    for row in range(len(vectors)):
        result = _store(result, row, op(_load(vectors, row, op.params)))
    return result


def flat_dtype(params: chex.ArrayTree) -> jnp.dtype:
    """Return the dtype of the parameters once they are one vector."""
    return jnp.result_type(*jax.tree.leaves(params))


def _forward_over_reverse(
    loss_fn: Callable, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    return jax.jvp(lambda p: jax.grad(loss_fn)(p, batch), (params,), (v,))[1]


def _reverse_over_reverse(
    loss_fn: Callable, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    return jax.grad(lambda p: optax.tree.vdot(jax.grad(loss_fn)(p, batch), v))(params)


def _finite_difference(
    loss_fn: Callable, params: Any, v: Any, batch: Any
) -> chex.ArrayTree:
    length = optax.tree.norm(v)
    # Rounding, u / h, and truncation, h^2, balance at h = u^(1/3).
    unit = jnp.finfo(flat_dtype(params)).eps ** (1 / 3)
    step = unit * (1 + optax.tree.norm(params)) / jnp.where(length > 0, length, 1)
    ahead = jax.grad(loss_fn)(optax.tree.add_scale(params, step, v), batch)
    behind = jax.grad(loss_fn)(optax.tree.add_scale(params, -step, v), batch)
    return optax.tree.scale(0.5 / step, optax.tree.sub(ahead, behind))


_HESSIAN_PRODUCTS = {
    "forward_over_reverse": _forward_over_reverse,
    "reverse_over_reverse": _reverse_over_reverse,
    "finite_difference": _finite_difference,
}


@jax.jit
def _load(vectors: jax.Array, row: int, template: chex.ArrayTree) -> chex.ArrayTree:
    return ravel_pytree(template)[1](vectors[row])


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
    return averages.to_device(params)


def _check_like(v: chex.ArrayTree, params: chex.ArrayTree) -> None:
    expected, given = jax.tree.structure(params), jax.tree.structure(v)
    if expected != given:
        raise ValueError(f"v must be a tree like params, {expected}; got {given}")
    for (path, p), x in zip(
        jax.tree.leaves_with_path(params), jax.tree.leaves(v), strict=True
    ):
        if jnp.shape(p) != jnp.shape(x):
            raise ValueError(
                f"v{jax.tree_util.keystr(path)} must have the shape {jnp.shape(p)} of "
                f"the parameter, got {jnp.shape(x)}"
            )
