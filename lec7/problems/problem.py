"""A loss of two parameters, and what is known of it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lec7 import memory
from lec7.problems import family

Point = tuple[float, float]


class Problem(NamedTuple):
    """A loss of two parameters, where to look at it, and its stationary points."""

    name: str
    """As a figure calls it."""
    function: Callable[[jax.Array], jax.Array]
    """f, [2, ...] -> [...]: it evaluates a point as well as a grid."""
    start: Point
    """Where a descent begins unless told otherwise."""
    x_range: Point
    """From left to right."""
    y_range: Point
    """From bottom to top."""
    minima: tuple[Point, ...]
    """All of them, the lowest first; empty where the loss has none."""
    saddles: tuple[Point, ...] = ()
    """All stationary points that are neither a minimum nor a maximum."""

    def from_starts(self, starts: ArrayLike | None = None) -> family.Family:
        """Return the loss once for each of several starts.

        Args:
          starts: [N, 2]; the problem's own unless given.

        Returns:
          N times the same loss, a start each.
        """
        starts = [self.start] if starts is None else starts
        return family.Family(self.function, None, np.asarray(starts, float))

    def grid(self, resolution: int = 121) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Evaluate the loss over its ranges.

        Args:
          resolution: A, points along a side.

        Returns:
          x [A], y [A] and losses [A, A], whose first axis is that of x.

        Raises:
          TooLargeError: the grid needs more memory than there is.

        Example:
          >>> import lec7.problems
          >>> x, y, losses = lec7.problems.SADDLE.grid(3)
          >>> losses
          array([[ 0.  ,  2.25,  0.  ],
                 [-2.25,  0.  , -2.25],
                 [ 0.  ,  2.25,  0.  ]])
        """
        memory.require_host(
            8 * 5 * resolution**2, f"{resolution:,} x {resolution:,} points of a grid"
        )
        x, y = (np.linspace(*ends, resolution) for ends in (self.x_range, self.y_range))
        with jax.enable_x64():
            points = jnp.stack(jnp.meshgrid(x, y, indexing="ij"))
            return x, y, np.asarray(self.function(points))
