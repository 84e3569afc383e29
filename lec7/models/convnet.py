"""Plain convolutional network."""

import functools
from collections.abc import Sequence

import jax
from flax import linen as nn

from lec7.models import convolution, layers, mlp


class ConvNet(nn.Module):
    """Stages of [3x3 convolution, BatchNorm, ReLU, pooling, dropout], and an MLP.

    Each stage halves the side of the image, unless pooling is fractional. Sequences are
    convolved and pooled along their one axis. The shape,
    though not the size, is that of network C1 of Keskar et al. 2017, arXiv:1609.04836.
    """

    num_classes: int
    """K."""
    channels: Sequence[int] = (16, 32)
    """Channels of each convolutional stage."""
    dense: Sequence[int] = (64,)
    """Units of each hidden layer of the MLP."""
    batch_norm: bool = True
    """Whether hidden layers are normalised; their bias is then BatchNorm's."""
    ghost_size: int | None = None
    """Examples that BatchNorm normalises together; None is all of a batch."""
    dropout: float = 0.0
    """Probability of dropping a hidden unit of the MLP."""
    channel_dropout: float = 0.0
    """Probability of dropping a channel after a stage."""
    drop_connect: float = 0.0
    """Probability of dropping a weight of a hidden layer of the MLP; no BatchNorm."""
    pool_ratio: float | None = None
    """By which fractional max pooling shrinks a side; None is max pooling by 2."""
    pool_regions: str = "random"
    """Regions of fractional max pooling: `random`, `pseudorandom` or `fixed`."""
    axis_name: str | tuple[str, ...] | None = None
    """Name of the mapped device axis that divides the batch, if any."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the logits [B, K].

        Args:
          x: images [B, H, W, C] of any size, or sequences [B, L, C].
          train: whether BatchNorm uses the batch's statistics and noise is drawn.
          sample: whether noise is drawn, if other than `train`; see `layers.Dropout`.

        Raises:
          ValueError: examples are vectors, or too small to be halved at every stage.
        """
        if self.pool_ratio is None:
            convolution.require_sides(x, 2 ** len(self.channels))
        norm = layers.batch_norm(self.ghost_size, train, self.axis_name)
        for channels in self.channels:
            x = convolution.Conv(channels, use_bias=not self.batch_norm)(x)
            x = nn.relu(norm()(x) if self.batch_norm else x)
            if self.pool_ratio is None:
                x = convolution.max_pool(x)
            else:
                pool = layers.FractionalMaxPool(self.pool_ratio, self.pool_regions)
                x = pool(x, train=train, sample=sample)
            dropout = layers.ChannelDropout(
                self.channel_dropout, axis_name=self.axis_name
            )
            x = dropout(x, train=train, sample=sample)
        classifier = mlp.MLP(
            self.num_classes,
            widths=self.dense,
            batch_norm=self.batch_norm,
            ghost_size=self.ghost_size,
            dropout=self.dropout,
            drop_connect=self.drop_connect,
            axis_name=self.axis_name,
            name="classifier",
        )
        return classifier(x, train=train, sample=sample)


tiny = functools.partial(ConvNet, channels=(4, 4), dense=(8,))
