"""Dropout of single activations."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from lec7 import arguments, randomness
from lec7.models.layers import noise

MODES = ("inverted", "vanilla")


class Dropout(nn.Module):
    """Set each activation to zero with probability `rate`.

    With q = 1 - rate and m ~ Bernoulli(q):

      mode       sampled    deterministic   mean   variance
      inverted   m x / q    x               x      x^2 (1 - q) / q
      vanilla    m x        q x             q x    x^2 q (1 - q)

    Random stream: `dropout`.

    References:
      Srivastava et al. 2014, JMLR 15, whose p is our q and whose form is `vanilla`.
    """

    rate: float
    """Probability of dropping, in [0, 1)."""
    mode: str = "inverted"
    """`inverted`, which scales while sampling, or `vanilla`, which scales in a test."""
    axis_name: str | tuple[str, ...] | None = None
    """Name of the mapped device axis that divides the batch, if any."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the activations after dropout.

        Args:
          x: [B, ...].
          train: whether this is a training pass.
          sample: whether to sample rather than to apply the deterministic rule; as in
            `train` by default. `train=False, sample=True` is a Monte-Carlo test pass,
            of which the caller averages several.

        Returns:
          [B, ...].

        Raises:
          ValueError: if `rate` is outside [0, 1) or `mode` is unknown.
        """
        arguments.require_decays(**{"dropout rate": self.rate})
        arguments.require_one_of(MODES, **{"dropout mode": self.mode})
        keep = 1 - self.rate
        if self.rate == 0 or self.is_initializing():
            return x
        if not noise.is_sampled(train, sample):
            return x if self.mode == "inverted" else x * keep
        key = self.make_rng("dropout")
        keys = randomness.example_keys(key, x.shape[0], self.axis_name)
        shape = self.mask_shape(x.shape[1:])
        mask = jax.vmap(lambda key: jax.random.bernoulli(key, keep, shape))(keys)
        return jnp.where(mask, x / keep if self.mode == "inverted" else x, 0)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the gates of one example, given its own."""
        return shape
