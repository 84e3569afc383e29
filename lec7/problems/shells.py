"""Taco shells: ill-conditioned quadratics, flat along one direction, steep across it.

  f(z) = z^T R diag(1, k) R^T z / 2

with the rotation R by an angle and the condition number k. Unless it is turned, that is
(x^2 + k y^2) / 2.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lec7.problems import family, problem


class Shell(NamedTuple):
    """What tells a shell from the others; N shells have arrays [N]."""

    condition: ArrayLike
    """k > 0, the curvature across; along, it is 1."""
    angle: ArrayLike
    """Of the flat direction with the x axis, counter-clockwise, radians."""


def height(shell: Shell, z: jax.Array) -> jax.Array:
    """Evaluate a shell.

    Args:
      shell: one of them.
      z: [2, ...].

    Returns:
      f(z) [...].

    Example:
      >>> float(height(Shell(100.0, 0.0), jnp.array([2.0, 0.1])))
      2.5
    """
    cosine, sine = jnp.cos(shell.angle), jnp.sin(shell.angle)
    flat, steep = cosine * z[0] + sine * z[1], cosine * z[1] - sine * z[0]
    return (flat**2 + shell.condition * steep**2) / 2


def draw(seeds: Sequence[int], *, low: float, high: float) -> family.Family:
    """Draw a shell a seed, its flat direction along the x axis.

    Args:
      seeds: N of them.
      low: least condition number.
      high: greatest condition number; their logarithm is uniform.

    Returns:
      N shells whose starts lie 5 to 10 along the flat direction and 0.5 to 2.5 across.
    """
    uniform = np.stack([np.random.default_rng(seed).uniform(size=3) for seed in seeds])
    x, y = -5 - 5 * uniform[:, 1], 0.5 + 2 * uniform[:, 2]
    conditions = low * (high / low) ** uniform[:, 0]
    shells = Shell(conditions, np.zeros(len(seeds)))
    return family.Family(height, shells, np.stack([x, y], axis=1))


def turn(shells: family.Family, angles: ArrayLike) -> family.Family:
    """Turn shells, starts and all, about their minima.

    Args:
      shells: N of them.
      angles: counter-clockwise, radians [N].

    Returns:
      The turned shells.
    """
    starts = rotate(shells.starts[:, None], angles)[:, 0]
    condition, angle = shells.members
    return family.Family(height, Shell(condition, angle + angles), starts)


def rotate(points: np.ndarray, angles: ArrayLike) -> np.ndarray:
    """Rotate points about the origin.

    Args:
      points: [N, T, 2].
      angles: counter-clockwise, radians [N].

    Returns:
      The rotated points [N, T, 2].

    Example:
      >>> rotate(np.array([[[1.0, 0.0]]]), [np.pi / 2]).round(6)
      array([[[0., 1.]]])
    """
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = points[..., 0], points[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=2)


def taco_shell(condition: float = 100.0) -> problem.Problem:
    """Return the lecture's taco shell, (x^2 + k y^2) / 2, whose Hessian is diag(1, k).

    Args:
      condition: k > 0.

    Returns:
      The problem.

    References:
      CS231n 2017, lecture 7, 0:17:00.
    """
    turned = rotated_ellipse(condition, 0.0)
    return turned._replace(name="taco shell", y_range=(-3.5, 3.5))


def rotated_ellipse(
    condition: float = 100.0, angle: float = math.pi / 4
) -> problem.Problem:
    """Return the taco shell turned, start and all, about its minimum.

    Args:
      condition: k > 0.
      angle: counter-clockwise, radians.

    Returns:
      The problem.
    """
    shell = Shell(condition, angle)
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = -8.0, 2.0
    return problem.Problem(
        "rotated ellipse",
        lambda z: height(shell, z),
        (cosine * x - sine * y, sine * x + cosine * y),
        (-10.0, 4.0),
        (-8.0, 6.0),
        ((0.0, 0.0),),
    )


TACO_SHELL = taco_shell(100.0)
ROTATED_ELLIPSE = rotated_ellipse(100.0)
