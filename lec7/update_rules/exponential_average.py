"""How much an exponential average has averaged."""

import jax
import jax.numpy as jnp


def total_weight(decay: jax.typing.ArrayLike, count: jax.Array) -> jax.Array:
    """Return 1 - decay^t, the sum of the weights of an average that began at zero.

    Divided by it, the average of a constant is that constant. Taken through `expm1`, as
    in float32 the difference itself is wrong in the fifth digit at decay = .999.
    """
    return -jnp.expm1(count * jnp.log1p(-(1 - decay)))
