"""A valley whose minima have every curvature from 2 upwards.

  f(x, y) = (x y - 1)^2 / 2

is zero along the hyperbola x y = 1, where the Hessian has the eigenvalues x^2 + y^2 and
0. Gradient flow keeps x^2 - y^2, and so ends at a minimum that the start determines;
gradient descent with rate a cannot stay where x^2 + y^2 > 2 / a.
"""

from collections.abc import Sequence

import jax
import numpy as np
from numpy.typing import ArrayLike

from lec7.problems import family


def height(z: jax.Array) -> jax.Array:
    """Evaluate (x y - 1)^2 / 2.

    Args:
      z: (x, y) [2, ...].

    Returns:
      Values [...].
    """
    return (z[0] * z[1] - 1) ** 2 / 2


def curvature(points: ArrayLike) -> np.ndarray:
    """Return the largest curvature at minima, x^2 + y^2.

    Args:
      points: on the hyperbola [..., 2].

    Returns:
      [...].
    """
    return np.sum(np.square(points), axis=-1)


def flow_curvature(starts: ArrayLike) -> np.ndarray:
    """Return the curvature where gradient flow ends, sqrt((x^2 - y^2)^2 + 4).

    Args:
      starts: [..., 2], with x y > 0.

    Returns:
      [...].

    Example:
      >>> flow_curvature([[1.0, 1.0], [2.0, 1.0]])
      array([2.        , 3.60555128])
    """
    x, y = np.moveaxis(np.asarray(starts, float), -1, 0)
    return np.sqrt((x**2 - y**2) ** 2 + 4)


def draw(
    seed: int, curvatures: ArrayLike, *, count: int, product: Sequence[float]
) -> family.Family:
    """Draw starts from which gradient flow ends at given curvatures.

    Args:
      seed: of the draws.
      curvatures: each at least 2 [T].
      count: M, starts for each curvature.
      product: range of x y at the starts, above 0; at 1 a start is a minimum.

    Returns:
      M T starts on the one loss, those of all curvatures first for each draw.
    """
    curvatures = np.asarray(curvatures, float)
    generator = np.random.default_rng(seed)
    products = generator.uniform(*product, (count, len(curvatures)))
    kept = np.sqrt(curvatures**2 - 4)
    x = np.sqrt((kept + np.sqrt(kept**2 + 4 * products**2)) / 2)
    starts = np.stack([x, products / x], axis=-1)
    return family.Family(height, None, starts.reshape(-1, 2))
