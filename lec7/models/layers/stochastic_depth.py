"""Stochastic depth: residual branches that are absent at random."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from lec7 import arguments, randomness
from lec7.models.layers import noise

GRANULARITIES = ("batch", "example")
SCALINGS = ("train", "test")


class StochasticDepth(nn.Module):
    """Drop a residual branch f(x) of x + f(x) with probability `rate`.

    With q = 1 - rate and a gate b ~ Bernoulli(q):

      scaling   sampled    deterministic   mean   variance
      train     b f / q    f               f      f^2 (1 - q) / q
      test      b f        q f             q f    f^2 q (1 - q)

    A gate is drawn for each mini-batch or for each example. The paper has one gate a
    batch and scales in the test, which is the default; what timm and others call drop
    path has one an example and scales in training. At rate 1 the branch is absent from
    every pass. The branch has been computed when it comes here: no time is saved.

    Random stream: `stochastic_depth`.

    References:
      Huang et al. 2016, arXiv:1603.09382, eqs. 2 and 5, whose p_l is our q.
    """

    rate: float
    """Probability of dropping, in [0, 1]."""
    granularity: str = "batch"
    """`batch` or `example`: what shares a gate."""
    scaling: str = "test"
    """`train` or `test`: in which pass the branch is scaled."""
    axis_name: str | tuple[str, ...] | None = None
    """Name of the mapped device axis that divides the batch, if any."""

    @nn.compact
    def __call__(
        self, residual: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return what is to be added to the input of the branch.

        Args:
          residual: output of the branch, [B, ...].
          train: whether this is a training pass.
          sample: whether to sample, if other than `train`; see `Dropout`.

        Returns:
          [B, ...].

        Raises:
          ValueError: if `rate` is outside [0, 1], or another field is unknown.
        """
        self._check()
        if self.rate == 1:
            return jnp.zeros_like(residual)
        if self.rate == 0 or self.is_initializing():
            return residual
        keep = 1 - self.rate
        if not noise.is_sampled(train, sample):
            return residual if self.scaling == "train" else keep * residual
        scaled = residual / keep if self.scaling == "train" else residual
        return jnp.where(self._gates(residual, keep), scaled, 0)

    def _gates(self, residual: jax.Array, keep: float) -> jax.Array:
        """Return which examples keep the branch, bool [B or 1, 1, ...]."""
        key = self.make_rng("stochastic_depth")
        if self.granularity == "batch":
            open_ = jax.random.bernoulli(key, keep)
        else:
            keys = randomness.example_keys(key, len(residual), self.axis_name)
            open_ = jax.vmap(lambda key: jax.random.bernoulli(key, keep))(keys)
        return open_.reshape(-1, *[1] * (residual.ndim - 1))

    def _check(self) -> None:
        arguments.require_fractions(**{"stochastic depth rate": self.rate})
        for field, known in (("granularity", GRANULARITIES), ("scaling", SCALINGS)):
            value = getattr(self, field)
            arguments.require_one_of(known, **{f"stochastic depth {field}": value})


def linear_decay(rate: float, depth: int) -> tuple[float, ...]:
    """Return a drop rate for each residual block, growing linearly with depth.

    rate_l = (l / L) rate for l = 1 to L. The paper writes p_l = 1 - (l / L) (1 - p_L),
    where p_0 = 1 is the input's: so the first block is dropped as well, but least.

    Args:
      rate: of the last block, in [0, 1].
      depth: L, residual blocks.

    Returns:
      L rates.

    Raises:
      ValueError: if `rate` is outside [0, 1].

    Example:
      >>> linear_decay(0.5, 4)
      (0.125, 0.25, 0.375, 0.5)

    References:
      Huang et al. 2016, arXiv:1603.09382, eq. 4.
    """
    arguments.require_fractions(**{"stochastic depth rate": rate})
    return tuple(block / depth * rate for block in range(1, depth + 1))
