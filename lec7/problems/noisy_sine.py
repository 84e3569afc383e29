"""A loss with local minima, made of examples: the frequency of a noisy sine.

  l_i(w) = (sin(w t_i) - y_i)^2 / 2,   y_i = sin(w* t_i) + noise,   i = 1 .. N

The mean over the examples has its global minimum near w* and a local one at every side
lobe. A single example has other minima, so a mini-batch may shake a descent out.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

FREQUENCY = 4.0
"""w*, radians a second."""
HALF_TIME = 2.0
"""Times are uniform up to here on both sides of zero, seconds."""
NOISE = 0.3
"""Standard deviation of the observations."""


class Samples(NamedTuple):
    """N observations; a pytree whose leading axis is the example."""

    times: np.ndarray
    """t, [N]."""
    values: np.ndarray
    """y, [N]."""


class Basin(NamedTuple):
    """A minimum of the mean loss, and how far its valley reaches."""

    low: float
    high: float
    minimum: float
    """The loss there."""

    def holds(self, w: np.ndarray) -> np.ndarray:
        """Return whether frequencies lie in the valley."""
        return (self.low < w) & (w < self.high)


def draw(seed: int, examples: int) -> Samples:
    """Draw the observations of one problem.

    Args:
      seed: >= 0.
      examples: N.

    Returns:
      The observations.
    """
    generator = np.random.default_rng(seed)
    times = generator.uniform(-HALF_TIME, HALF_TIME, examples)
    noise = NOISE * generator.normal(size=examples)
    return Samples(times, np.sin(FREQUENCY * times) + noise)


def loss(w: jax.Array, batch: Samples) -> jax.Array:
    """Return the mean loss of a batch at a frequency []."""
    return jnp.mean((jnp.sin(w * batch.times) - batch.values) ** 2) / 2


def mean_loss(samples: Samples, w: ArrayLike) -> np.ndarray:
    """Return the loss over all examples at frequencies [A], in float64.

    Example:
      >>> samples = Samples(np.array([1.0, -1.0]), np.array([0.0, 2.0]))
      >>> mean_loss(samples, [0.0])
      array([1.])
    """
    each = np.sin(np.asarray(w)[:, None] * samples.times) - samples.values
    return np.mean(each**2, axis=1) / 2


def global_basin(samples: Samples, grid: np.ndarray) -> Basin:
    """Return the valley of the lowest minimum on a grid.

    Args:
      samples: the problem.
      grid: rising frequencies [A].

    Returns:
      The valley, open on a side on which the grid has no top.
    """
    heights = mean_loss(samples, grid)
    bottom = int(np.argmin(heights))
    inner = heights[1:-1]
    tops = 1 + np.flatnonzero((inner > heights[:-2]) & (inner >= heights[2:]))
    low = max(grid[tops[tops < bottom]], default=-np.inf)
    high = min(grid[tops[tops > bottom]], default=np.inf)
    return Basin(float(low), float(high), float(heights[bottom]))
