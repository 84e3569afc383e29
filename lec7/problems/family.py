"""Losses of one form, each with parameters and a start of its own."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike


class Family(NamedTuple):
    """N losses of D parameters, and where a descent on each begins."""

    function: Callable[..., jax.Array]
    """What tells a loss from the others, and a point [D] -> its value []; the point
    alone where nothing does."""
    members: chex.ArrayTree | None
    """What tells the losses apart: arrays with a leading axis [N], or None."""
    starts: np.ndarray
    """[N, D]."""

    def at(self, points: ArrayLike) -> np.ndarray:
        """Evaluate every loss at a point of its own, in float64.

        Args:
          points: [N, D].

        Returns:
          Values [N].

        Example:
          >>> bends = np.array([1.0, 3.0])
          >>> family = Family(lambda a, z: a * z[0] ** 2, bends, np.ones((2, 1)))
          >>> family.at([[1.0], [2.0]])
          array([ 1., 12.])
        """
        with jax.enable_x64():
            points = jnp.asarray(points, float)
            return np.asarray(jax.vmap(self.loss)(self.members, points))

    def slopes(self, points: ArrayLike) -> np.ndarray:
        """Return the gradient of every loss at a point of its own, in float64.

        Args:
          points: [N, D].

        Returns:
          Gradients [N, D].
        """
        with jax.enable_x64():
            points = jnp.asarray(points, float)
            return np.asarray(_slopes(self.function, self.members, points))

    def loss(self, member: chex.ArrayTree | None, point: jax.Array) -> jax.Array:
        """Return the value of one loss at a point.

        Args:
          member: what tells the loss from the others; None where nothing does.
          point: [D].

        Returns:
          Its value [].
        """
        given = () if self.members is None else (member,)
        return self.function(*given, point)

    def repeat(self, times: int) -> "Family":
        """Return every loss several times.

        Args:
          times: R.

        Returns:
          R N losses, those that are equal beside each other.
        """
        return self._map(lambda leaf: np.repeat(leaf, times, axis=0))

    def select(self, index: Any) -> "Family":
        """Return some of the losses.

        Args:
          index: of the leading axis; a slice, or several numbers.

        Returns:
          The losses at that index.
        """
        return self._map(lambda leaf: leaf[index])

    def _map(self, change):
        return Family(self.function, *jax.tree.map(change, (self.members, self.starts)))


@functools.partial(jax.jit, static_argnums=0)
def _slopes(function, members, points):
    family = Family(function, members, points)
    return jax.vmap(jax.grad(family.loss, argnums=1))(members, points)
