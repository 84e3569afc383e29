"""Sharpness as the size of the Hessian.

The loss at the parameters is taken too, and not counted: of one that is not finite the
derivatives may be.
"""

import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax

from lec7 import curvature
from lec7.sharpness import measure


def hessian_max(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    tol: float = 1e-3,
    max_matvecs: int = 1000,
    folder: pathlib.Path | None = None,
) -> measure.Measure:
    """Measure the largest eigenvalue of the Hessian, by Lanczos.

    Args:
      loss_fn: params, batch -> mean loss over the batch. What changes from call to call
        is best bound by `jax.tree_util.Partial`: all calls then share a compilation.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the start vector, of which the value is independent to
        within `tol`.
      tol: largest relative residual; see `curvature.top_eigenpairs`.
      max_matvecs: products at which the search stops in any case.
      folder: where the search is kept, and goes on; see `curvature.top_eigenpairs`.

    Returns:
      The measure. Its standard error is 0, and NaN where the residual is above `tol`.

    Raises:
      ValueError: the loss or a product is not finite, or the batches are empty.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return 0.5 * jnp.mean(batch @ params**2)
      >>> batches = [jnp.array([[1.0, 3.0]])]
      >>> top = hessian_max(loss_fn, jnp.zeros(2), batches, key=jax.random.key(0))
      >>> round(top.value, 4)
      3.0
    """
    op = _hessian(loss_fn, params, batches)
    pairs = curvature.top_eigenpairs(
        op, 1, key=key, tol=tol, max_matvecs=max_matvecs, folder=folder
    )
    return measure.Measure(
        value=float(pairs.values[0]),
        standard_error=0.0 if pairs.residuals[0] <= tol else float("nan"),
        settings={"tol": tol, "max_matvecs": max_matvecs}
        | measure.provenance(key, params, measure.examples(op.batches)),
        cost=measure.PRODUCT * pairs.products,
    )


def hessian_trace(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    method: str = "hutch++",
    probes: int = 30,
) -> measure.Measure:
    """Measure the trace of the Hessian.

    Args:
      loss_fn: as for `hessian_max`.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the probes.
      method: "hutch++" or "hutchinson"; see `curvature.trace`.
      probes: number of products.

    Returns:
      The measure, with the standard error of the estimate.

    Raises:
      ValueError: the method is unknown, there are too few probes for it, the loss at
        params is not finite, or the batches are empty.
    """
    op = _hessian(loss_fn, params, batches)
    estimate = curvature.trace(op, key=key, method=method, probes=probes)
    return _estimated(estimate, params, op, key, probes, {"method": method})


def frobenius(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
    *,
    key: jax.Array,
    probes: int = 30,
) -> measure.Measure:
    """Measure the Frobenius norm of the Hessian, the root of its eigenvalues' squares.

    Args:
      loss_fn: as for `hessian_max`.
      params: pytree of floating-point arrays.
      batches: pytrees whose leaves have the examples in their first axis.
      key: typed PRNG key, for the probes.
      probes: number of products.

    Returns:
      The measure, with the standard error of the estimate.

    Raises:
      ValueError: there are too few probes for an error, the loss at params is not
        finite, or the batches are empty.
    """
    op = _hessian(loss_fn, params, batches)
    estimate = curvature.frobenius_norm(op, key=key, probes=probes)
    return _estimated(estimate, params, op, key, probes, {})


def _hessian(
    loss_fn: Callable[[Any, Any], jax.Array],
    params: chex.ArrayTree,
    batches: Iterable[chex.ArrayTree],
) -> curvature.Operator:
    """Return the Hessian where the loss is finite.

    Raises:
      ValueError: it is not, or the batches are empty.
    """
    op = curvature.hessian(loss_fn, params, batches)
    measure.require_finite(measure.value(loss_fn, op.params, op.batches))
    return op


def _estimated(
    estimate: Any,
    params: chex.ArrayTree,
    op: curvature.Operator,
    key: jax.Array,
    probes: int,
    settings: dict,
) -> measure.Measure:
    mean, error = map(float, estimate)
    examples = measure.examples(op.batches)
    return measure.Measure(
        value=mean,
        standard_error=error,
        settings=settings
        | {"probes": probes}
        | measure.provenance(key, params, examples),
        cost=measure.PRODUCT * probes,
    )
