"""Estimates of the diagonal and the norm of an operator, with standard errors."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from lec7 import arguments
from lec7.curvature import floating, krylov, operators


class Estimate(NamedTuple):
    """An estimate and the standard error of its random part."""

    mean: chex.ArrayTree
    standard_error: chex.ArrayTree


def diagonal(op: operators.Operator, *, key: jax.Array, probes: int = 30) -> Estimate:
    """Estimate the diagonal of a symmetric operator from `probes` products.

    diag A = E[z * A z] over Rademacher vectors z, entry by entry. One probe has the
    variance sum_{j != i} A_ij^2 in entry i, so a diagonal A is exact.

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      key: PRNG key; the estimate is a function of it.
      probes: M, number of products, at least 2.

    Returns:
      The estimate and its standard error, pytrees like the parameters.

    Raises:
      ValueError: there are fewer than two probes.

    Example:
      >>> from lec7.curvature import hessians
      >>> scales = jnp.array([[1.0, 2.0, 3.0]])
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2)
      >>> op = hessians.hessian(loss_fn, jnp.ones(3), [scales])
      >>> diagonal(op, key=jax.random.key(0), probes=2)
      Estimate(mean=Array([2., 4., 6.], dtype=float32),
               standard_error=Array([0., 0., 0.], dtype=float32))

    References:
      Bekas, Kokiopoulou, Saad 2007, An estimator for the diagonal of a matrix, Applied
      Numerical Mathematics 57.
    """
    arguments.require_counts(probes=probes, least=2)
    z = rademacher(op, key, probes)
    estimate = mean(z * operators.products(op, z))
    unravel = ravel_pytree(op.params)[1]
    return Estimate(*map(unravel, estimate))


def frobenius_norm(
    op: operators.Operator, *, key: jax.Array, probes: int = 30
) -> Estimate:
    """Estimate the Frobenius norm of a symmetric operator from `probes` products.

    |A|_F = sqrt(E |A z|^2) over Rademacher vectors z: the root of the sum of squared
    eigenvalues. The square is unbiased; its root is low by about e^2 / (2 |A|_F), with
    e the standard error, which carries over by e(|A|_F^2) / (2 |A|_F).

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      key: PRNG key; the estimate is a function of it.
      probes: M, number of products, at least 2.

    Returns:
      The estimate and its standard error, scalars.

    Raises:
      ValueError: there are fewer than two probes.

    Example:
      >>> from lec7.curvature import hessians
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> op = hessians.hessian(loss_fn, jnp.ones(2), [jnp.array([[3.0, 4.0]])])
      >>> estimate = frobenius_norm(op, key=jax.random.key(0), probes=2)
      >>> float(estimate.mean), float(estimate.standard_error)
      (5.0, 0.0)
    """
    arguments.require_counts(probes=probes, least=2)
    products, power = floating.normalise(
        operators.products(op, rademacher(op, key, probes))
    )
    square = mean(row_products(products, products))
    norm = jnp.sqrt(square.mean)
    doubled = 2 * jnp.where(norm > 0, norm, 1)
    return Estimate(power * norm, power * (square.standard_error / doubled))


def rademacher(op: operators.Operator, key: jax.Array, probes: int) -> jax.Array:
    """Return M vectors of independent signs -1 and 1, [M, P].

    Raises:
      TooLargeError: the device has not room for them and their products.
    """
    krylov.require_room(op, 2 * probes)
    dtype = operators.flat_dtype(op.params)
    return jax.random.rademacher(key, (probes, op.size), dtype)


@jax.jit
def row_products(left: jax.Array, right: jax.Array) -> jax.Array:
    """Return the inner products of the rows of two matrices [M, P], [M]."""
    return (left * right).sum(axis=1)


@jax.jit
def mean(samples: jax.Array) -> Estimate:
    """Return the mean of samples [M, ...] and its standard error s / sqrt(M)."""
    samples, power = floating.normalise(samples, axis=0)
    power = power[0]
    error = samples.std(axis=0, ddof=1) / jnp.sqrt(len(samples))
    return Estimate(power * samples.mean(axis=0), power * error)
