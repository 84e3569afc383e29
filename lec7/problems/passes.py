"""Mountain passes: a saddle point between two minima.

  f = c u^2 / 2 + m (v^4 / 4 - v^2 / 2),   (u, v) = R(angle)^T (x, y)

has the minima v = -1 and v = 1, of depth m / 4, and between them at the origin a saddle
whose Hessian has the eigenvalues c along the way down to it and -m along the way out.
Near it SGD with rate a makes v grow by the factor 1 + a m in every update.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lec7.problems import family, problem

HALF = np.sqrt(1 - np.sqrt(0.5))  # v where half of the depth is reached


def height(member: jax.Array, z: jax.Array) -> jax.Array:
    """Evaluate a pass.

    Args:
      member: (c, m, angle) [3].
      z: (x, y) [2, ...].

    Returns:
      Values [...], zero at the saddle.
    """
    up, down, _ = member
    u, v = _turned(member, z)
    return up * u**2 / 2 + down * (v**4 / 4 - v**2 / 2)


def bowl(member: jax.Array, z: jax.Array) -> jax.Array:
    """Evaluate the convex c u^2 / 2 + m v^2 / 2 in the place of a pass.

    Args:
      member: (c, m, angle) [3].
      z: (x, y) [2, ...].

    Returns:
      Values [...].
    """
    up, down, _ = member
    u, v = _turned(member, z)
    return up * u**2 / 2 + down * v**2 / 2


def _turned(member, z):
    cosine, sine = jnp.cos(member[2]), jnp.sin(member[2])
    return cosine * z[0] + sine * z[1], cosine * z[1] - sine * z[0]


def draw(
    seeds: Sequence[int], *, offset: float, angle: float | None = None
) -> family.Family:
    """Draw a pass a seed.

    Args:
      seeds: N of them.
      offset: |v| at the start, on a side at random.
      angle: by which the axes of the passes are turned against the coordinates,
        radians; at random unless given.

    Returns:
      Passes with c in 1 .. 4, m in 0.5 .. 2 and starts at |u| in 1 .. 3.
    """
    uniform = np.stack([np.random.default_rng(seed).uniform(size=6) for seed in seeds])
    up, down = 4 ** uniform[:, 0], 0.5 * 4 ** uniform[:, 1]
    angle = np.full(len(up), angle) if angle is not None else np.pi * uniform[:, 2]
    u = (1 + 2 * uniform[:, 3]) * np.where(uniform[:, 4] < 0.5, -1, 1)
    v = offset * np.where(uniform[:, 5] < 0.5, -1, 1)
    starts = np.stack(
        [np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v],
        axis=1,
    )
    return family.Family(height, np.stack([up, down, angle], axis=1), starts)


def moved(passes: family.Family, offsets: ArrayLike) -> family.Family:
    """Return every pass once for each of several offsets.

    Args:
      passes: N of them, along the coordinates.
      offsets: |v| at the start [S].

    Returns:
      S N passes, all N for the first offset first.
    """
    offsets = np.asarray(offsets, float)
    starts = np.tile(passes.starts, (len(offsets), 1))
    starts[:, 1] = np.repeat(offsets, len(passes.starts)) * np.sign(starts[:, 1])
    members = np.tile(passes.members, (len(offsets), 1))
    return family.Family(passes.function, members, starts)


def half_way_down(passes: family.Family) -> np.ndarray:
    """Return the losses half the way from the saddles to the minima [N]."""
    return -passes.members[:, 1] / 8


def predicted_updates(passes: family.Family, rate: float, offset: float) -> np.ndarray:
    """Return how many updates of SGD lead from the offset out of the pass.

    While v is small it grows by 1 + a m an update; that it grows less near the end is
    neglected.

    Args:
      passes: N of them.
      rate: a.
      offset: |v| at the start.

    Returns:
      log(v_half / offset) / log(1 + a m), v_half being where half of the depth is
      reached [N].

    Example:
      >>> one = draw([0], offset=1e-3)._replace(members=np.array([[2.0, 1.0, 0.0]]))
      >>> predicted_updates(one, 0.05, 1e-3).round(1)
      array([129.])
    """
    return np.log(HALF / offset) / np.log1p(rate * passes.members[:, 1])


def as_problem(
    up: float = 2.0, down: float = 1.0, angle: float = np.pi / 6
) -> problem.Problem:
    """Return one pass, its minima at zero and its start a hundredth off the ridge.

    Args:
      up: c.
      down: m.
      angle: of its axes against the coordinates, radians.

    Returns:
      The problem.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    u, v = -2.0, 0.01
    member = np.array([up, down, angle])
    return problem.Problem(
        "mountain pass",
        lambda z: height(member, z) + down / 4,
        (cosine * u - sine * v, sine * u + cosine * v),
        (-2.5, 2.5),
        (-2.5, 2.5),
        minima=((-sine, cosine), (sine, -cosine)),
        saddles=((0.0, 0.0),),
    )
