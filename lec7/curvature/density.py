"""Spectral density by stochastic Lanczos quadrature."""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import arguments
from lec7.curvature import (
    estimates,
    lanczos,
    operators,
    placement,
    resumption,
    tridiagonal,
)

WIDTH = 1e-5**0.5  # standard deviation of the kernel over the range of the spectrum


class SpectralDensity(NamedTuple):
    """A smoothed density of eigenvalues, its error, and the nodes it comes from."""

    grid: jax.Array  # [G], eigenvalues, ascending
    density: jax.Array  # [G], integrates to 1
    error: jax.Array  # [G], standard error over the probes
    values: jax.Array  # [M, order], Ritz values, ascending
    weights: jax.Array  # [M, order], sum to 1 in each row
    width: float  # standard deviation of the Gaussian kernel


def spectral_density(
    op: operators.Operator,
    *,
    key: jax.Array,
    order: int = 90,
    probes: int = 10,
    width: float | None = None,
    folder: pathlib.Path | None = None,
) -> SpectralDensity:
    """Estimate the density of the eigenvalues of a symmetric operator.

    For a unit start vector z the Lanczos process gives nodes v_j, the Ritz values, and
    weights w_j, the squared first components of their vectors, with
      sum_j w_j f(v_j) = z^T f(A) z,
    exactly for polynomials f of a degree below 2 `order`. The mean over Rademacher
    vectors z estimates tr f(A) / P, the average of f over the eigenvalues. With f a
    Gaussian kernel around a point of the grid this is
      density(x) = mean_z sum_j w_j N(x; v_j, width^2).
    The basis is re-orthogonalised in full, twice; where a Krylov space ends early the
    process has found all that z sees and stops.

    Args:
      op: a symmetric operator on pytrees like `op.params`.
      key: PRNG key; the estimate is a function of it.
      order: number of nodes, and products, for each probe; more than P are not spent.
      probes: M, number of start vectors, at least 2.
      width: standard deviation of the kernel; None for 0.00316 of the range of the Ritz
        values, but at least that of a hundredth of the largest. Ghorbani et al. take
        the same variance, 1e-5, of a range of 1 and of any smaller one, which blurs the
        spectrum of a loss on a small scale.
      folder: where the bases are kept as the process goes. The same call goes on from
        there, after a product for each probe that is worked on, which tells whether it
        is the same problem, and ends in the same bits.

    Returns:
      The density on a grid of three points a width, its standard error, and the nodes
      and weights; a row of them that is short is filled up with weights of zero.

    Raises:
      ValueError: order, probes or width is out of range, a product is not finite, or
        the folder is damaged or of another problem.
      TooLargeError: the device has not room for a basis of order + 1 vectors.

    Example:
      >>> from lec7.curvature import hessians
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> scales = jnp.array([[0.0, 0.0, 2.0, 2.0]])
      >>> op = hessians.hessian(loss_fn, jnp.ones(4), [scales])
      >>> found = spectral_density(op, key=jax.random.key(0))
      >>> found.values[0, :2].round(3).tolist(), found.weights[0, :2].round(3).tolist()
      ([0.0, 2.0], [0.5, 0.5])

    References:
      Golub and Meurant 2010, Matrices, moments and quadrature, chapter 7.
      Ghorbani, Krishnan, Xiao 2019, arXiv:1901.10159, algorithm 1.
    """
    arguments.require_counts(probes=probes, least=2)
    arguments.require_counts(order=order)
    if width is not None:
        arguments.require_positive(width=width)
    order = min(order, op.size)
    settings = {"order": order, "probes": probes, "key": key}
    keeper = resumption.Keeper(folder, op, settings)
    starts = estimates.rademacher(op, key, probes)
    op = operators.linearise(op)
    together = placement.rows(order * op.size, starts.dtype.itemsize)
    values = weights = np.zeros((0, order))
    if keeper.found is not None:
        values, weights = keeper.found["values"], keeper.found["weights"]
    for row in range(len(values), probes, together):
        done = {"values": values, "weights": weights}
        part = starts[row : row + together]
        found = tridiagonal.tridiagonalise(op, part, order, keeper, **done)
        nodes = map(np.stack, zip(*(_quadrature(t, order) for t in found), strict=True))
        values, weights = map(np.concatenate, zip(done.values(), nodes, strict=True))
    width = width or _width(values)
    grid, density = _smooth(values, weights, width)
    curve = estimates.mean(jnp.asarray(density))
    return SpectralDensity(
        jnp.asarray(grid), *curve, jnp.asarray(values), jnp.asarray(weights), width
    )


def _quadrature(projected: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights, both [order]."""
    values, vectors = np.linalg.eigh(projected)
    missing = (0, order - len(values))
    return np.pad(values, missing, "edge"), np.pad(vectors[0] ** 2, missing)


def _width(values: np.ndarray) -> float:
    spread = max(np.ptp(values), lanczos.RESOLUTION * np.abs(values).max())
    return float(WIDTH * (spread or 1.0))


def _smooth(
    values: np.ndarray, weights: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a grid [G], and the density of each probe on it [M, G]."""
    low, high = values.min() - 5 * width, values.max() + 5 * width
    grid = np.linspace(low, high, 1 + int(np.ceil(3 * (high - low) / width)))
    distance = (grid - values[..., None]) / width
    kernels = np.exp(-(distance**2) / 2) / (width * np.sqrt(2 * np.pi))
    return grid, np.einsum("mj,mjg->mg", weights, kernels)
