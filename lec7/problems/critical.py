"""Critical points of losses: where a rule that solves for a zero gradient arrives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from lec7.problems import descent, family

TOLERANCE = 1e-9  # length of the gradient at a critical point


class Critical(NamedTuple):
    """Where N searches have ended."""

    points: np.ndarray
    """[N, D]."""
    values: np.ndarray
    """Of the loss there [N]."""
    eigenvalues: np.ndarray
    """Of the Hessian there, ascending [N, D]."""
    arrived: np.ndarray
    """Whether the gradient is zero there, to 1e-9 [N]."""

    @property
    def negative(self) -> np.ndarray:
        """How many eigenvalues are negative: 0 at a minimum, D at a maximum [N]."""
        return np.sum(self.eigenvalues < 0, axis=1)

    @property
    def minima(self) -> np.ndarray:
        """The points without negative eigenvalue."""
        return self.points[self.negative == 0]


def critical_points(
    rule: optax.GradientTransformation, losses: family.Family, steps: int
) -> Critical:
    """Follow a rule that ends where the gradient is zero, such as Newton's method.

    Args:
      rule: an update rule.
      losses: N losses of D parameters, and where each search begins.
      steps: updates of a search, at least 1.

    Returns:
      Where the searches end, and the Hessian there.

    Example:
      >>> from lec7 import problems, update_rules
      >>> start = problems.HIMMELBLAU.from_starts([(0.0, 0.0)])
      >>> found = critical_points(update_rules.newton(), start, 20)
      >>> found.points.round(3), found.negative, found.arrived
      (array([[-0.271, -0.923]]), array([2]), array([ True]))
    """
    ends = descent.descend(rule, losses, steps).points[:, -1]

    def look(member, point):
        def loss(x):
            return losses.loss(member, x)

        values = jnp.linalg.eigvalsh(jax.hessian(loss)(point))
        return loss(point), values, jnp.linalg.norm(jax.grad(loss)(point))

    with jax.enable_x64():
        found = jax.device_get(jax.jit(jax.vmap(look))(losses.members, ends))
    values, eigenvalues, lengths = found
    return Critical(ends, values, eigenvalues, lengths < TOLERANCE)


def distinct(found: Critical) -> Critical:
    """Return every critical point of one loss once, the lowest first.

    Args:
      found: searches on one loss; those that have not arrived are left out.

    Returns:
      Points that are more than 1e-6 away from each other.
    """
    places: list[int] = []
    for place in np.argsort(found.values):
        new = all(
            np.linalg.norm(found.points[place] - found.points[p]) > 1e-6 for p in places
        )
        if found.arrived[place] and new:
            places.append(int(place))
    return Critical(*(leaf[places] for leaf in found))


def nearest(ends: np.ndarray, points: ArrayLike, *, within: float) -> np.ndarray:
    """Return at which of several points descents end.

    Args:
      ends: of the descents [N, D].
      points: such as the minima of a loss [K, D].
      within: distance from which a descent has not reached a point.

    Returns:
      The place of the nearest point, -1 where none is within the distance, or where a
      descent diverged [N].

    Example:
      >>> nearest(np.array([[0.1], [2.9], [1.5]]), [[0.0], [3.0]], within=0.5)
      array([ 0,  1, -1])
    """
    distances = np.linalg.norm(ends[:, None] - np.asarray(points), axis=2)
    distances = np.nan_to_num(distances, nan=np.inf)
    return np.where(distances.min(axis=1) < within, distances.argmin(axis=1), -1)
