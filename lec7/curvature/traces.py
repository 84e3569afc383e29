"""Stochastic estimates of the trace of an operator, by a fixed number of products."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from lec7 import arguments
from lec7.curvature import estimates, floating, operators


def trace(
    op: operators.Operator,
    *,
    key: jax.Array,
    method: str = "hutch++",
    probes: int = 30,
) -> estimates.Estimate:
    """Estimate the trace of a symmetric operator from `probes` products.

    "hutchinson" averages z^T A z over M = probes Rademacher vectors z. One probe has
    the variance 2 (|A|_F^2 - sum_i A_ii^2), so a diagonal A is exact.

    "hutch++" spends a third of the products on Q = qr(A S), a basis of the range that
    the Rademacher sketch S sees, a third on the exact trace there, and the rest, M, on
    Hutchinson's average over the complement:
      tr(Q^T A Q) + mean_z z^T (I - Q Q^T) A (I - Q Q^T) z.
    It is exact when the rank of A is at most probes // 3.

    The number of probes is never decided by the estimate, which would bias it.

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      key: PRNG key; the estimate is a function of it.
      method: "hutch++" or "hutchinson".
      probes: number of products in all.

    Returns:
      The estimate, and the standard error s / sqrt(M) of its random part, where s is
      the standard deviation (ddof 1) of the M samples. For "hutch++" that is the error
      given the sketch, which is all its error: given any sketch it is unbiased.

    Raises:
      ValueError: the method is unknown, or fewer than two samples are left to estimate
        an error from: "hutchinson" needs probes >= 2 and "hutch++" probes >= 4.

    Example:
      >>> import jax
      >>> from lec7.curvature import hessians
      >>> scales = jax.numpy.array([[1.0, 2.0, 3.0]])
      >>> def loss_fn(params, batch):
      ...     return jax.numpy.mean(batch @ params**2)
      >>> op = hessians.hessian(loss_fn, jax.numpy.ones(3), [scales])
      >>> estimate = trace(op, key=jax.random.key(0), method="hutchinson", probes=2)
      >>> float(estimate.mean), float(estimate.standard_error)
      (12.0, 0.0)

    References:
      Hutchinson 1989, Communications in Statistics 18(3).
      Meyer, Musco, Musco, Woodruff 2021, Hutch++, arXiv:2010.09649, algorithm 1.
    """
    arguments.require_one_of(_METHODS, method=method)
    estimator, fewest = _METHODS[method]
    arguments.require_counts(probes=probes, least=fewest)
    return estimator(op, key, probes)


def _hutchinson(
    op: operators.Operator, key: jax.Array, probes: int
) -> estimates.Estimate:
    z = estimates.rademacher(op, key, probes)
    return estimates.mean(_forms(op, z))


def _hutch_plus_plus(
    op: operators.Operator, key: jax.Array, probes: int
) -> estimates.Estimate:
    sketch_key, probe_key = jax.random.split(key)
    rank = min(probes // 3, op.size)
    sketch = operators.products(op, estimates.rademacher(op, sketch_key, rank))
    basis = jnp.linalg.qr(floating.normalise(sketch)[0].T)[0].T  # [rank, P]
    z = _complement(basis, estimates.rademacher(op, probe_key, probes - 2 * rank))
    rest = estimates.mean(_forms(op, z))
    return rest._replace(mean=_forms(op, basis).sum() + rest.mean)


_METHODS: dict[str, tuple[Callable[..., estimates.Estimate], int]] = {
    "hutch++": (_hutch_plus_plus, 4),
    "hutchinson": (_hutchinson, 2),
}


def _forms(op: operators.Operator, vectors: jax.Array) -> jax.Array:
    """Return v^T A v for each row v, [M]."""
    return estimates.row_products(vectors, operators.products(op, vectors))


@jax.jit
def _complement(basis: jax.Array, vectors: jax.Array) -> jax.Array:
    with jax.default_matmul_precision("highest"):
        return vectors - (vectors @ basis.T) @ basis
