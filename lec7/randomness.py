"""Keys of random draws: seed -> step -> stream, and inside a layer -> example.

A stream is keyed by its position in `STREAMS`, to which names are only ever appended:
a new source of noise leaves the draws of every other one as they were. An example's
noise is keyed by its position in the global batch. So no device enters: the noise of a
run does not depend on how many share a batch, and no two of them draw the same.
"""

import jax
import jax.numpy as jnp
from jax import lax

STREAMS = (
    "dropout",
    "drop_connect",
    "fractional_pool",
    "stochastic_depth",
    "augment",
)


def step_keys(key: jax.Array, step: jax.Array | int) -> dict[str, jax.Array]:
    """Return the key of every stream at one step.

    Args:
      key: the member's training key, typed, [].
      step: number of updates made before this one, [].

    Returns:
      A typed key [] for each name of `STREAMS`.

    Example:
      >>> keys = step_keys(jax.random.key(0), step=3)
      >>> sorted(keys) == sorted(STREAMS)
      True
    """
    at_step = jax.random.fold_in(key, step)
    return {name: jax.random.fold_in(at_step, i) for i, name in enumerate(STREAMS)}


def example_keys(
    key: jax.Array, batch_size: int, axis_name: str | tuple[str, ...] | None = None
) -> jax.Array:
    """Return one key for each example, by its position in the global batch.

    Args:
      key: the same on every device, typed [].
      batch_size: B, examples on this device.
      axis_name: the mapped device axis over which the batch is divided, if any; device
        d holds the positions d B to (d + 1) B - 1.

    Returns:
      Typed keys [B].

    Example:
      >>> few, many = (example_keys(jax.random.key(0), size) for size in (2, 5))
      >>> bool((few == many[:2]).all())
      True
    """
    first = 0 if axis_name is None else lax.axis_index(axis_name) * batch_size
    return jax.vmap(jax.random.fold_in, (None, 0))(key, first + jnp.arange(batch_size))
