"""Random critical points, and random symmetric matrices in the place of their Hessians.

A random sum of waves on the torus of D parameters, each from 0 to 2 pi,

  f(x) = M^-1/2 sum_m a_m cos(k_m . x + p_m),

has a_m standard normal, p_m uniform, and k_m uniform among the integer vectors with
entries from -2 to 2. On a torus the numbers n_i of its critical points with i negative
eigenvalues fulfil sum_i (-1)^i n_i = 0. So of one parameter none of them is a saddle,
and of two parameters exactly every second one is.

What is sampled is the critical point at which Newton's method, its steps no longer than
1, arrives from a uniform random point, on a function drawn anew for every start. So a
critical point is found with a probability in proportion to its basin, not all are with
the same. Starts from which Newton's method does not arrive are left out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import problems, update_rules

WAVES = 64  # M
HIGHEST = 2  # largest entry of a wave vector
STEPS = 100  # updates of Newton's method
LONGEST = 1.0  # length of an update at most

_NEWTON = optax.chain(update_rules.newton(), optax.clip_by_global_norm(LONGEST))


class Waves(NamedTuple):
    """A function of D parameters; many add a leading axis to every array."""

    amplitudes: np.ndarray
    """[M]."""
    vectors: np.ndarray
    """[M, D]."""
    phases: np.ndarray
    """[M]."""


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


def height(waves: Waves, x: jax.Array) -> jax.Array:
    """Return the value of a function at a point, [D] -> []."""
    return jnp.dot(waves.amplitudes, jnp.cos(waves.vectors @ x + waves.phases))


def critical_eigenvalues(
    seeds: Sequence[int], dimension: int, functions: int
) -> list[np.ndarray]:
    """Return the Hessian's eigenvalues at critical points found from random starts.

    Args:
      seeds: N of them.
      dimension: D.
      functions: of each seed, with one start each.

    Returns:
      For each seed the ascending eigenvalues [up to `functions`, D].
    """
    waves, starts = [], []
    for seed in seeds:
        generator = np.random.default_rng([seed, dimension])
        waves.append(draw(generator, dimension, functions))
        starts.append(generator.uniform(0, 2 * np.pi, (functions, dimension)))
    _, eigenvalues, arrived = search(
        Waves(*map(np.concatenate, zip(*waves, strict=True))), np.concatenate(starts)
    )
    return [
        values[there]
        for values, there in zip(
            np.split(eigenvalues, len(seeds)),
            np.split(arrived, len(seeds)),
            strict=True,
        )
    ]


def search(
    waves: Waves, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Search a critical point of every function with Newton's method.

    Args:
      waves: N functions.
      starts: [N, D].

    Returns:
      Points [N, D], ascending eigenvalues of the Hessians there [N, D], and whether the
      gradient there is zero [N].
    """
    losses = problems.Family(height, waves, starts)
    found = problems.critical_points(_NEWTON, losses, STEPS)
    return found.points, found.eigenvalues, found.arrived


def gaussian_eigenvalues(
    seeds: Sequence[int], dimension: int, matrices: int
) -> list[np.ndarray]:
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
      For each seed the ascending eigenvalues [matrices, D].

    References:
      Dean and Majumdar 2008, Extreme value statistics of eigenvalues of Gaussian random
      matrices, arXiv:0801.1730.
    """
    drawn = [
        np.random.default_rng([seed, dimension]).normal(
            size=(matrices, dimension, dimension)
        )
        for seed in seeds
    ]
    return [np.linalg.eigvalsh((a + a.mT) / 2) for a in drawn]


def is_saddle(eigenvalues: np.ndarray) -> np.ndarray:
    """Return whether ascending eigenvalues [..., D] have both signs [...]."""
    return (eigenvalues[..., 0] < 0) & (eigenvalues[..., -1] > 0)


def is_minimum(eigenvalues: np.ndarray) -> np.ndarray:
    """Return whether ascending eigenvalues [..., D] are all positive [...]."""
    return eigenvalues[..., 0] > 0
