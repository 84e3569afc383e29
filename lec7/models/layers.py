"""The layers that act differently in training and in a test: noise and BatchNorm.

Noise is keyed by an example's position in the global batch. So the noise of a batch
does not depend on how many devices share it, and no two devices draw the same.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

MODES = ("inverted", "vanilla")

BatchNorm = functools.partial(nn.BatchNorm, momentum=0.9, use_fast_variance=False)
"""Flax's BatchNorm, with a shorter memory and an exact variance.

In training y = scale (x - mean_B) / sqrt(var_B + 1e-5) + bias, with the biased variance
of the batch, over all devices if `axis_name` is given. In a test the running statistics
r <- 0.9 r + 0.1 r_B take their place; torch calls this momentum 0.1, and its running
variance is the unbiased one. The variance is computed as a mean square deviation: the
faster E[x^2] - E[x]^2 loses digits, and has a kink where it is clipped at zero.

References:
  Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
"""


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
        if not 0 <= self.rate < 1:
            raise ValueError(f"dropout rate is {self.rate}; expected 0 <= rate < 1")
        if self.mode not in MODES:
            raise ValueError(f"dropout mode is {self.mode!r}; expected one of {MODES}")
        keep = 1 - self.rate
        if self.rate == 0 or self.is_initializing():
            return x
        if not (train if sample is None else sample):
            return x if self.mode == "inverted" else x * keep
        keys = example_keys(self.make_rng("dropout"), x.shape[0], self.axis_name)
        mask = jax.vmap(lambda key: jax.random.bernoulli(key, keep, x.shape[1:]))(keys)
        return jnp.where(mask, x / keep if self.mode == "inverted" else x, 0)


def example_keys(
    key: jax.Array, batch_size: int, axis_name: str | tuple[str, ...] | None = None
) -> jax.Array:
    """Return one key for each example, by its position in the global batch.

    Args:
      key: of the layer, the same on every device, typed [].
      batch_size: B, examples on this device.
      axis_name: the mapped device axis over which the batch is divided, if any; device
        d holds the positions d B to (d + 1) B - 1.

    Returns:
      Typed keys [B].
    """
    first = 0 if axis_name is None else lax.axis_index(axis_name) * batch_size
    return jax.vmap(jax.random.fold_in, (None, 0))(key, first + jnp.arange(batch_size))
