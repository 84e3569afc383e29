"""DropConnect: a dense layer whose weights are absent at random."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.scipy import stats

from lec7 import arguments, randomness
from lec7.models.layers import noise

CHUNK = 8  # examples whose masks exist at once
DRAWS = 1000  # of the Gaussian, where its mean is not known


class DropConnectDense(nn.Module):
    """Dense layer and activation a, each weight absent with probability `rate`.

    With q = 1 - rate, input v [D], weights W [F, D] and biases b [F], which are dropped
    like weights, every example has its own masks M ~ Bernoulli(q):

      sampled         r = a((M * W) v + M_b * b)
      deterministic   r = E a(u), u normal with mean q (W v + b) and variance
                      q (1 - q) ((W * W)(v * v) + b * b)

    Each unit sums many independent terms, so u has nearly the distribution of what
    enters the activation, and exactly its first two moments. That a(q (W v + b)) were
    the mean is what this rule avoids: it is so for a linear activation only.

    The paper averages a(u) over Z draws. Here a ReLU has E a(u) in closed form, the
    limit of that average and cheaper than one draw: it is the default. Any other
    activation is averaged over 1000 draws, unless `draws` says otherwise. They are the
    same in every test pass and for every example, independent from unit to unit.

    Memory: the masks of 8 examples at a time, and again in the gradient, so 8 D F
    numbers rather than the B D F of all masks. At B = 64, D = F = 128 a gradient then
    takes 3 MB rather than 17, and 1.7 times as long.

    Random stream: `drop_connect`. Parameters: `kernel` [D, F] and `bias` [F], those of
    `nn.Dense`.

    References:
      Wan et al. 2013, PMLR 28(3):1058, algorithms 1 and 2, whose p is our q.
    """

    features: int
    """F, units."""
    rate: float
    """Probability of dropping, in [0, 1)."""
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    """a, applied to each unit."""
    draws: int | None = None
    """Z, Gaussian draws in a test; None is the exact mean if a is ReLU, else 1000."""
    axis_name: str | tuple[str, ...] | None = None
    """Name of the mapped device axis that divides the batch, if any."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the activations.

        Args:
          x: [B, D].
          train: whether this is a training pass.
          sample: whether to sample, if other than `train`; see `Dropout`.

        Returns:
          [B, F].

        Raises:
          ValueError: if `rate` is outside [0, 1) or `draws` below 1.
        """
        arguments.require_decays(**{"DropConnect rate": self.rate})
        if self.draws is not None:
            arguments.require_counts(**{"DropConnect draws": self.draws})
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        if self.rate == 0 or self.is_initializing():
            return self.activation(x @ kernel + bias[None])
        keep = 1 - self.rate
        if noise.is_sampled(train, sample):
            key = self.make_rng("drop_connect")
            keys = randomness.example_keys(key, x.shape[0], self.axis_name)
            return self.activation(masked_product(keys, x, kernel, bias, keep))
        mean, variance = moments(x, kernel, bias, keep)
        if self.draws is None and self.activation is nn.relu:
            return rectified_mean(mean, variance)
        return average(self.activation, mean, variance, self.draws or DRAWS)


def masked_product(
    keys: jax.Array, x: jax.Array, kernel: jax.Array, bias: jax.Array, keep: float
) -> jax.Array:
    """Return x W + b with every example's own mask of W and b, [B, F].

    A weight is kept with probability q; the keys are of the examples, typed [B].
    """
    weights = jnp.concatenate([kernel, bias[None]])

    @jax.checkpoint
    def one(example):
        key, row = example
        mask = jax.random.bernoulli(key, keep, weights.shape)
        return jnp.append(row, 1) @ jnp.where(mask, weights, 0)

    return lax.map(one, (keys, x), batch_size=CHUNK)


def moments(
    x: jax.Array, kernel: jax.Array, bias: jax.Array, keep: float
) -> tuple[jax.Array, jax.Array]:
    """Return mean and variance of `masked_product` over its masks, [B, F] each."""
    mean = keep * (x @ kernel + bias[None])
    return mean, keep * (1 - keep) * (x**2 @ kernel**2 + bias[None] ** 2)


def rectified_mean(mean: jax.Array, variance: jax.Array) -> jax.Array:
    """Return E max(u, 0) for u ~ N(mean, variance).

    E max(u, 0) = mean Phi(mean / s) + s phi(mean / s), s = sqrt(variance), with the
    distribution function Phi and the density phi of N(0, 1).
    """
    random = variance > 0
    # Where nothing is random, a root of 1 keeps the gradient of the other case finite.
    std = jnp.sqrt(jnp.where(random, variance, 1))
    ratio = mean / std
    expected = mean * stats.norm.cdf(ratio) + std * stats.norm.pdf(ratio)
    return jnp.where(random, expected, nn.relu(mean))


def average(
    activation: Callable[[jax.Array], jax.Array],
    mean: jax.Array,
    variance: jax.Array,
    draws: int,
) -> jax.Array:
    """Return the average of a(u) over Z fixed draws of u ~ N(mean, variance), [B, F].

    The draws of a unit are the same for all examples.
    """
    random = variance > 0
    std = jnp.where(random, jnp.sqrt(jnp.where(random, variance, 1)), 0)
    shape = (draws, mean.shape[-1])
    standard = jax.random.normal(jax.random.key(0), shape, mean.dtype)

    def add(total, z):
        return total + activation(mean + std * z[None]), None

    return lax.scan(add, jnp.zeros_like(mean), standard)[0] / draws
