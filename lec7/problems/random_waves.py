"""Random sums of waves on a torus, and random symmetric matrices beside their Hessians.

A function of D parameters, each from 0 to 2 pi,

  f(x) = M^-1/2 sum_m a_m cos(k_m . x + p_m),

has a_m standard normal, p_m uniform, and k_m uniform among the integer vectors with
entries from -2 to 2. On a torus the numbers n_i of its critical points with i negative
eigenvalues fulfil sum_i (-1)^i n_i = 0. So with one parameter none of them is a saddle,
and with two parameters exactly every second one is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7.problems import family

WAVES = 64  # M
HIGHEST = 2  # largest entry of a wave vector


class Waves(NamedTuple):
    """A function of D parameters; many add a leading axis to every array."""

    amplitudes: np.ndarray
    """[M]."""
    vectors: np.ndarray
    """[M, D]."""
    phases: np.ndarray
    """[M]."""


def height(waves: Waves, x: jax.Array) -> jax.Array:
    """Return the value of a function at a point, [D] -> []."""
    return jnp.dot(waves.amplitudes, jnp.cos(waves.vectors @ x + waves.phases))


def draw(generator: np.random.Generator, dimension: int, count: int) -> Waves:
    """Draw functions.

    Args:
      generator: of random numbers.
      dimension: D.
      count: N.

    Returns:
      N functions.
    """
    size = (count, WAVES)
    return Waves(
        generator.normal(size=size) / np.sqrt(WAVES),
        generator.integers(-HIGHEST, HIGHEST + 1, (*size, dimension)).astype(float),
        generator.uniform(0, 2 * np.pi, size),
    )


def on_starts(seeds: Sequence[int], dimension: int, functions: int) -> family.Family:
    """Draw functions, and a uniform start on each.

    Args:
      seeds: N of them.
      dimension: D.
      functions: of each seed.

    Returns:
      N times as many losses, those of a seed together.
    """
    waves, starts = [], []
    for seed in seeds:
        generator = np.random.default_rng([seed, dimension])
        waves.append(draw(generator, dimension, functions))
        starts.append(generator.uniform(0, 2 * np.pi, (functions, dimension)))
    every = Waves(*map(np.concatenate, zip(*waves, strict=True)))
    return family.Family(height, every, np.concatenate(starts))


def gaussian_eigenvalues(
    seeds: Sequence[int], dimension: int, matrices: int
) -> np.ndarray:
    """Return the eigenvalues of matrices of the Gaussian orthogonal ensemble.

    A matrix is (A + A^T) / 2 with A of independent standard normal entries: its
    distribution is the same in every basis. It is indefinite with probability 0 for
    D = 1, 1 / sqrt 2 for D = 2 and 1/2 + sqrt 2 / pi for D = 3, and definite with
    probability about exp(-D^2 log(3) / 4) for large D.

    Args:
      seeds: N of them.
      dimension: D.
      matrices: of each seed.

    Returns:
      Ascending eigenvalues [N matrices, D], those of a seed together.

    References:
      Dean and Majumdar 2008, Extreme value statistics of eigenvalues of Gaussian random
      matrices, arXiv:0801.1730.
    """
    size = (matrices, dimension, dimension)
    drawn = [
        np.random.default_rng([seed, dimension]).normal(size=size) for seed in seeds
    ]
    return np.concatenate([np.linalg.eigvalsh((a + a.mT) / 2) for a in drawn])


def is_saddle(eigenvalues: np.ndarray) -> np.ndarray:
    """Return whether ascending eigenvalues [..., D] have both signs [...]."""
    return (eigenvalues[..., 0] < 0) & (eigenvalues[..., -1] > 0)


def is_minimum(eigenvalues: np.ndarray) -> np.ndarray:
    """Return whether ascending eigenvalues [..., D] are all positive [...]."""
    return eigenvalues[..., 0] > 0
