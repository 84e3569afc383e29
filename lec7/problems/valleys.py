"""Himmelblau's function and its kin.

  f(x, y) = (x^2 + y - a)^2 + (x + y^2 - b)^2

is Himmelblau's for a = 11 and b = 7. Its gradient is a system of two cubics,

  4 x (x^2 + y - a) + 2 (x + y^2 - b) = 0
  2 (x^2 + y - a) + 4 y (x + y^2 - b) = 0,

which has nine solutions at most, the complex ones included (Bezout). As f rises in all
directions, minima and maxima outnumber its saddles by one.
"""

from collections.abc import Sequence

import jax
import numpy as np
from numpy.typing import ArrayLike

from lec7 import memory
from lec7.problems import family

HIMMELBLAU = (11.0, 7.0)


def height(member: jax.Array, z: jax.Array) -> jax.Array:
    """Evaluate f.

    Args:
      member: (a, b) [2].
      z: (x, y) [2, ...].

    Returns:
      Values [...].
    """
    x, y = z[0], z[1]
    return (x**2 + y - member[0]) ** 2 + (x + y**2 - member[1]) ** 2


def draw(seeds: Sequence[int]) -> np.ndarray:
    """Draw a function a seed, each number at most 3 off Himmelblau's.

    Args:
      seeds: N of them.

    Returns:
      Pairs (a, b) [N, 2].
    """
    uniform = np.stack([np.random.default_rng(s).uniform(-3, 3, 2) for s in seeds])
    return np.array(HIMMELBLAU) + uniform


def on_starts(members: ArrayLike, starts: ArrayLike) -> family.Family:
    """Return every function once for each of its starts.

    Args:
      members: pairs (a, b) [N, 2].
      starts: [N, S, 2], or [S, 2] for all.

    Returns:
      N S losses, all starts of a function together.
    """
    members, starts = np.asarray(members, float), np.asarray(starts, float)
    starts = np.broadcast_to(starts, (len(members), *starts.shape[-2:]))
    count = starts.shape[1]
    return family.Family(
        height, np.repeat(members, count, axis=0), starts.reshape(-1, 2)
    )


def grid(side: float, points: int) -> np.ndarray:
    """Return starts on a square grid.

    Args:
      side: its half width.
      points: along a side.

    Returns:
      [points^2, 2].

    Raises:
      TooLargeError: they need more memory than there is.
    """
    memory.require_host(8 * 6 * points**2, f"{points:,} x {points:,} starts")
    axis = np.linspace(-side, side, points)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
