"""Double wells: a local minimum on the way to the global one.

  f = g(x) + y^2,   g' = (x + 2) (x - q) (x - 2),   -2 < q < 0

has the local minimum x = -2, a bump at q, and the global minimum x = 2.
"""

from collections.abc import Sequence

import jax
import numpy as np

from lec7.problems import descent, family

LOCAL, GLOBAL = -2.0, 2.0


def height(member: jax.Array, z: jax.Array) -> jax.Array:
    """Evaluate a well.

    Args:
      member: (q,) [1].
      z: (x, y) [2, ...].

    Returns:
      Values [...], zero at the global minimum.
    """
    return _integral(member[0], z[0]) - _integral(member[0], GLOBAL) + z[1] ** 2


def _integral(bump, x):
    return x**4 / 4 - bump * x**3 / 3 - 2 * x**2 + 4 * bump * x


def draw(seeds: Sequence[int]) -> family.Family:
    """Draw a well a seed.

    Args:
      seeds: N of them.

    Returns:
      Wells whose bump is at -1.6 .. -0.4, and starts uphill of the local minimum, at
      x in -4 .. -2.5 and y in -1 .. 1.
    """
    uniform = np.stack([np.random.default_rng(seed).uniform(size=3) for seed in seeds])
    starts = np.stack([-4 + 1.5 * uniform[:, 1], 2 * uniform[:, 2] - 1], axis=1)
    return family.Family(height, -1.6 + 1.2 * uniform[:, :1], starts)


def resting(wells: family.Family) -> family.Family:
    """Return the wells with starts in their local minima."""
    return wells._replace(starts=np.tile([LOCAL, 0.0], (len(wells.starts), 1)))


def bottom(wells: family.Family) -> np.ndarray:
    """Return the losses of the local minima [N]."""
    return wells.at(resting(wells).starts)


def passed(wells: family.Family, path: descent.Path) -> np.ndarray:
    """Return whether descents end beyond the bump, and lower than the local minimum.

    Args:
      wells: N of them.
      path: N paths.

    Returns:
      [N].

    Example:
      >>> from lec7 import problems, update_rules
      >>> wells = draw(range(3))
      >>> path = problems.descend(update_rules.momentum(0.01), wells, 1000)
      >>> passed(wells, path)
      array([ True, False,  True])
    """
    beyond = path.points[:, -1, 0] > wells.members[:, 0]
    return beyond & (path.losses[:, -1] < bottom(wells))
