"""Multi-layer perceptron."""

import functools
from collections.abc import Callable, Sequence

import jax
from flax import linen as nn

from lec7.models import layers


class MLP(nn.Module):
    """Hidden layers of [dense, BatchNorm, activation, dropout], and a linear head."""

    num_classes: int
    """K."""
    widths: Sequence[int] = (128, 128)
    """Units of each hidden layer."""
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    """Applied to each unit of a hidden layer."""
    batch_norm: bool = False
    """Whether hidden layers are normalised; their bias is then BatchNorm's."""
    dropout: float = 0.0
    """Probability of dropping a hidden unit."""
    axis_name: str | tuple[str, ...] | None = None
    """Name of the mapped device axis that divides the batch, if any."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the logits [B, K].

        Args:
          x: examples [B, ...], flattened.
          train: whether BatchNorm uses the batch's statistics and dropout samples.
          sample: whether dropout samples, if other than `train`; see `layers.Dropout`.
        """
        norm = functools.partial(
            layers.BatchNorm, use_running_average=not train, axis_name=self.axis_name
        )
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = nn.Dense(width, use_bias=not self.batch_norm)(x)
            x = norm()(x) if self.batch_norm else x
            x = self.activation(x)
            dropout = layers.Dropout(self.dropout, axis_name=self.axis_name)
            x = dropout(x, train=train, sample=sample)
        return nn.Dense(self.num_classes, name="head")(x)


tiny = functools.partial(MLP, widths=(8,))
