"""Plain convolutional network."""

import functools
from collections.abc import Sequence

import jax
from flax import linen as nn

from lec7.models import convolution, layers, mlp


class ConvNet(nn.Module):
    """Stages of [3x3 convolution, BatchNorm, ReLU, 2x2 max pooling], and an MLP.

    Each stage halves the side of the image. The shape, though not the size, is that of
    network C1 of Keskar et al. 2017, arXiv:1609.04836.
    """

    num_classes: int
    """K."""
    channels: Sequence[int] = (16, 32)
    """Channels of each convolutional stage."""
    dense: Sequence[int] = (64,)
    """Units of each hidden layer of the MLP."""
    batch_norm: bool = True
    """Whether hidden layers are normalised; their bias is then BatchNorm's."""
    dropout: float = 0.0
    """Probability of dropping a hidden unit of the MLP."""
    axis_name: str | tuple[str, ...] | None = None
    """Name of the mapped device axis that divides the batch, if any."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the logits [B, K].

        Args:
          x: images [B, H, W, C].
          train: whether BatchNorm uses the batch's statistics and dropout samples.
          sample: whether dropout samples, if other than `train`; see `layers.Dropout`.
        """
        norm = functools.partial(
            layers.BatchNorm, use_running_average=not train, axis_name=self.axis_name
        )
        for channels in self.channels:
            x = convolution.Conv(channels, use_bias=not self.batch_norm)(x)
            x = norm()(x) if self.batch_norm else x
            x = convolution.max_pool(nn.relu(x))
        classifier = mlp.MLP(
            self.num_classes,
            widths=self.dense,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            axis_name=self.axis_name,
            name="classifier",
        )
        return classifier(x, train=train, sample=sample)


tiny = functools.partial(ConvNet, channels=(4, 4), dense=(8,))
