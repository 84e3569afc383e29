"""Residual networks: of He et al. for small images, of torchvision for large ones.

A block adds to its input what its convolutions make of it,

  x <- relu(shortcut(x) + last_norm(conv(... relu(norm1(conv1(x)))))),

and the scale of `last_norm` is zero at first, so that a new block is its shortcut.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from lec7.models import convolution, layers

Convolutions = tuple[tuple[int, int, int], ...]


def basic(channels: int, stride: int) -> Convolutions:
    """Return window, channels and stride of the convolutions of a basic block.

    Args:
      channels: of the stage.
      stride: of the block.
    """
    return (3, channels, stride), (3, channels, 1)


def bottleneck(channels: int, stride: int) -> Convolutions:
    """Return window, channels and stride of the convolutions of a bottleneck block.

    The stride is that of the 3x3 convolution, as in torchvision and in what is called
    ResNet v1.5; in the paper it is that of the first. The block ends with four times
    the channels of the stage.
    """
    return (1, channels, 1), (3, channels, stride), (1, 4 * channels, 1)


class Block(nn.Module):
    """A residual branch and its shortcut."""

    convolutions: Convolutions
    """Window, channels and stride of each."""
    projection: bool
    """Whether a shortcut between unequal shapes is a 1x1 convolution."""
    conv: Callable[..., nn.Module]
    """Channels, window, stride and name -> convolution."""
    norm: Callable[..., nn.Module]
    """Name and, if other than one, the initial scale -> BatchNorm."""
    drop: Callable[[], nn.Module]
    """-> stochastic depth."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the examples after the block.

        Args:
          x: [B, H, W, C] or [B, L, C].
          train: whether this is a training pass.
          sample: whether stochastic depth samples; see `layers.StochasticDepth`.

        Returns:
          [B, H / stride, W / stride, C'] or [B, L / stride, C'].
        """
        y = x
        for i, (window, channels, stride) in enumerate(self.convolutions, start=1):
            y = self.conv(channels, window, stride, name=f"conv{i}")(y)
            if i < len(self.convolutions):
                y = nn.relu(self.norm(name=f"norm{i}")(y))
        y = self.norm(name="last_norm", scale_init=nn.initializers.zeros)(y)
        return nn.relu(self._shortcut(x) + self.drop()(y, train=train, sample=sample))

    def _shortcut(self, x: jax.Array) -> jax.Array:
        channels = self.convolutions[-1][1]
        stride = max(stride for _, _, stride in self.convolutions)
        if stride == 1 and x.shape[-1] == channels:
            return x
        if self.projection:
            x = self.conv(channels, 1, stride, name="shortcut")(x)
            return self.norm(name="shortcut_norm")(x)
        missing = channels - x.shape[-1]
        every = (slice(None), *[slice(None, None, stride)] * (x.ndim - 2))
        return jnp.pad(x[every], (*[(0, 0)] * (x.ndim - 1), (0, missing)))


class ResNet(nn.Module):
    """A stem, stages of residual blocks, the mean over positions, and a linear head.

    Every stage but the first halves the side of the image and doubles the channels.
    Convolutions are padded as torch's are, by half a window on every side. Those of a
    sequence go along its one axis.

    References:
      He et al. 2016, arXiv:1512.03385; for the initial zeros Goyal et al. 2017,
      arXiv:1706.02677, sec. 5.1; for stochastic depth Huang et al. 2016,
      arXiv:1603.09382.
    """

    num_classes: int
    """K."""
    blocks: Sequence[int] = (3, 3, 3)
    """Blocks of each stage."""
    channels: int = 16
    """Of the stem and the first stage."""
    block: Callable[[int, int], Convolutions] = basic
    """`resnet.basic` or `resnet.bottleneck`."""
    large_images: bool = False
    """Whether the stem, a 3x3 convolution, is 7x7 with stride 2 and a 3x3 pooling."""
    projection: bool = False
    """Whether a shortcut between unequal shapes is a 1x1 convolution and BatchNorm (B
    in He et al.) rather than every other pixel with zeros for new channels (A)."""
    stochastic_depth: float = 0.0
    """Probability of dropping the last block; that of block l of L is l / L of it."""
    drop_path: bool = False
    """Whether each example drops its own blocks, and training scales, not the test."""
    dtype: jax.typing.DTypeLike | None = None
    """Of the convolutions, such as bfloat16; parameters, statistics and logits are
    float32, and so is all by default."""
    axis_name: str | tuple[str, ...] | None = None
    """Name of the mapped device axis that divides the batch, if any."""

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, sample: bool | None = None
    ) -> jax.Array:
        """Return the logits [B, K].

        Args:
          x: images [B, H, W, C] of any size, or sequences [B, L, C].
          train: whether BatchNorm uses the batch's statistics and blocks are dropped.
          sample: whether blocks are dropped, if other than `train`; see
            `layers.StochasticDepth`.

        Raises:
          ValueError: examples are vectors.
        """
        conv = functools.partial(_conv, dtype=self.dtype)
        norm = functools.partial(
            layers.BatchNorm,
            use_running_average=not train,
            dtype=self.dtype,
            axis_name=self.axis_name,
        )
        drop = functools.partial(
            layers.StochasticDepth,
            granularity="example" if self.drop_path else "batch",
            scaling="train" if self.drop_path else "test",
            axis_name=self.axis_name,
        )
        window, stride = (7, 2) if self.large_images else (3, 1)
        x = conv(self.channels, window, stride, name="stem")(x)
        x = nn.relu(norm(name="stem_norm")(x))
        if self.large_images:
            x = convolution.max_pool(x, window=3, stride=2, padding=1)
        rates = iter(layers.linear_decay(self.stochastic_depth, sum(self.blocks)))
        for stage, blocks in enumerate(self.blocks):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = Block(
                    self.block(self.channels * 2**stage, stride),
                    projection=self.projection,
                    conv=conv,
                    norm=norm,
                    drop=functools.partial(drop, next(rates)),
                    name=f"stage{stage + 1}_block{block + 1}",
                )(x, train=train, sample=sample)
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        x = jnp.mean(x, axis=tuple(range(1, x.ndim - 1)))
        return nn.Dense(self.num_classes, name="head")(x)


def _conv(channels: int, window: int, stride: int, **options) -> convolution.Conv:
    return convolution.Conv(
        channels, window, stride, padding=window // 2, use_bias=False, **options
    )


tiny = functools.partial(ResNet, blocks=(1, 1), channels=4)

resnet20 = functools.partial(ResNet, blocks=(3, 3, 3))
resnet56 = functools.partial(ResNet, blocks=(9, 9, 9))
resnet110 = functools.partial(ResNet, blocks=(18, 18, 18))

_large = functools.partial(ResNet, channels=64, large_images=True, projection=True)
resnet18 = functools.partial(_large, blocks=(2, 2, 2, 2))
resnet50 = functools.partial(_large, blocks=(3, 4, 6, 3), block=bottleneck)
