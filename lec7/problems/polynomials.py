"""Random polynomials of one parameter, whose stationary points are roots.

  f(x) = 2 T_8(x) + sum_{k=1}^{7} c_k T_k(x)

has c_k standard normal and T_k the Chebyshev polynomials, so it rises to both sides and
has up to seven stationary points in between, where f' = 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import chebyshev

from lec7.problems import family

DEGREE = 8
LEADING = 2.0


class Analysis(NamedTuple):
    """What the first two derivatives of a polynomial say."""

    points: np.ndarray
    """Stationary points, ascending [S]."""
    values: np.ndarray
    """f there [S]."""
    curvatures: np.ndarray
    """f'' there [S]."""

    @property
    def minima(self) -> np.ndarray:
        """Where f'' is positive."""
        return self.points[self.curvatures > 0]

    @property
    def lowest(self) -> float:
        """The global minimum."""
        return float(self.points[np.argmin(self.values)])

    @property
    def span(self) -> tuple[float, float]:
        """A range that holds all stationary points, with a twentieth to spare."""
        spare = 0.05 * np.ptp(self.points) + 0.05
        return float(self.points[0] - spare), float(self.points[-1] + spare)


def draw(seed: int) -> np.ndarray:
    """Return the Chebyshev coefficients of a polynomial, the constant first [9]."""
    inner = np.random.default_rng(seed).normal(size=DEGREE - 1)
    return np.concatenate([[0.0], inner, [LEADING]])


def analyse(coefficients: np.ndarray) -> Analysis:
    """Find the stationary points, and the sign of the curvature there.

    The roots of f' are the eigenvalues of its companion matrix.

    Args:
      coefficients: of Chebyshev polynomials, the constant first.

    Returns:
      All real stationary points.

    Example:
      >>> found = analyse(np.array([0.0, 0.0, 0.0, 0.0, 1.0]))
      >>> found.points.round(3), found.curvatures.round(1)
      (array([-0.707,  0.   ,  0.707]), array([ 32., -16.,  32.]))
    """
    roots = chebyshev.chebroots(chebyshev.chebder(coefficients))
    points = np.sort(roots[np.abs(roots.imag) < 1e-9].real) + 0.0
    return Analysis(
        points,
        chebyshev.chebval(points, coefficients),
        chebyshev.chebval(points, chebyshev.chebder(coefficients, 2)),
    )


def height(coefficients: jax.Array, z: jax.Array) -> jax.Array:
    """Evaluate a polynomial.

    Args:
      coefficients: the highest power first [9].
      z: the point [1].

    Returns:
      Its value [].
    """
    return jnp.polyval(coefficients, z[0])


def on_starts(seeds: Sequence[int], starts: int) -> tuple[family.Family, np.ndarray]:
    """Draw a polynomial a seed, and starts for descents on it.

    Args:
      seeds: N of them.
      starts: S, uniform over the range that holds the stationary points.

    Returns:
      N S losses, all starts of a polynomial together; and the rate 1 / L for each
      [N S], L being the largest curvature in the range.
    """
    members, points, rates = [], [], []
    for seed in seeds:
        coefficients = draw(seed)
        low, high = analyse(coefficients).span
        uniform = np.random.default_rng([seed, 1]).uniform(low, high, starts)
        bends = chebyshev.chebval(
            np.linspace(low, high, 1001), chebyshev.chebder(coefficients, 2)
        )
        members.append(np.tile(chebyshev.cheb2poly(coefficients)[::-1], (starts, 1)))
        points.append(uniform[:, None])
        rates.append(np.full(starts, 1 / np.abs(bends).max()))
    losses = family.Family(height, np.concatenate(members), np.concatenate(points))
    return losses, np.concatenate(rates)
