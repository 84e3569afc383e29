"""Random streams: seed -> step -> stream, and inside a layer -> example.

A stream is keyed by its position in `STREAMS`, to which names are only ever appended:
a new source of noise leaves the draws of every other one as they were. No device
enters: a layer keys its noise by an example's position in the global batch, which makes
the noise of a run independent of the number of devices, and different on each of them.
"""

import jax

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
