"""The top eigenvalue of the Hessian along a training, whatever the loop."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import chex
import jax

from lec7 import arguments
from lec7.curvature import batch_means, eigen, hessians


class TopEigenvalue:
    """A callback that follows the largest eigenvalue of the Hessian.

    Each search begins at the eigenvector that the last one ended with, which saves most
    products while a training moves slowly, and all searches share their compilations.
    It is for loops of one's own; `train.train` takes `measure=sharpness.track(...)`.

    Args:
      loss_fn: as for `hessian`.
      batches: as for `hessian`; what the eigenvalue is measured on.
      every: updates between two looks, at least 1.
      tol: largest residual of an eigenpair over its value; the error of the value is
        mostly of its square.
      key: PRNG key of the random part of each start; None for a fixed one.
      devices: as for `hessian`.

    Attributes:
      updates: at which the eigenvalue was taken.
      values: the eigenvalues.
      vector: pytree like the parameters, the last eigenvector; None at first. Kept with
        a checkpoint, and set again, it makes a resumed run repeat its values.

    Raises:
      ValueError: every or tol is out of range, or as for `hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> def loss_fn(params, batch):
      ...     return jnp.mean(batch @ params**2) / 2
      >>> watch = TopEigenvalue(loss_fn, [jnp.array([[1.0, 4.0]])], every=10)
      >>> params = jnp.ones(2)
      >>> for update in range(21):
      ...     _ = watch(update, params)
      >>> watch.updates, [round(value, 2) for value in watch.values]
      ([0, 10, 20], [4.0, 4.0, 4.0])
    """

    def __init__(
        self,
        loss_fn: Callable[[Any, Any], jax.Array],
        batches: Iterable[chex.ArrayTree],
        *,
        every: int = 1,
        tol: float = 0.02,
        key: jax.Array | None = None,
        devices: Sequence[jax.Device] | None = None,
    ):
        """Put the batches on their devices."""
        arguments.require_counts(every=every)
        arguments.require_positive(tol=tol)
        self.updates: list[int] = []
        self.values: list[float] = []
        self.vector: chex.ArrayTree | None = None
        self._loss_fn, self._devices = loss_fn, devices
        self._batches = batch_means.spread(batches, devices)
        self._every, self._tol = every, tol
        self._key = jax.random.key(0) if key is None else key

    def __call__(self, update: int, params: chex.ArrayTree) -> float | None:
        """Look at the parameters, if it is time to.

        Args:
          update: number of updates so far.
          params: pytree of arrays.

        Returns:
          The eigenvalue; None between two looks.
        """
        if update % self._every:
            return None
        op = hessians.hessian(
            self._loss_fn, params, self._batches, devices=self._devices
        )
        key = jax.random.fold_in(self._key, update)
        pairs = eigen.top_eigenpairs(op, 1, key=key, tol=self._tol, start=self.vector)
        self.vector = jax.tree.map(lambda leaf: leaf[0], pairs.vectors)
        self.updates.append(update)
        self.values.append(float(pairs.values[0]))
        return self.values[-1]
