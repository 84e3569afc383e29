"""Flax as its own examples use it: its layers, and one dispatch an update."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from lec7 import models


class ConvNet(nn.Module):
    """`models.ConvNet` with BatchNorm, by Flax's layers and lec7's pooling."""

    num_classes: int
    channels: Sequence[int] = (16, 32)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Return the logits."""
        norm = functools.partial(
            nn.BatchNorm, use_running_average=not train, momentum=0.9
        )
        for channels in self.channels:
            x = nn.Conv(channels, (3, 3), use_bias=False)(x)
            x = models.max_pool(nn.relu(norm()(x)))
        return Classifier(self.num_classes, norm, name="classifier")(x)


class Classifier(nn.Module):
    """The dense layers of a `ConvNet`."""

    num_classes: int
    norm: Callable[..., nn.Module]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the logits."""
        x = nn.Dense(64, use_bias=False)(x.reshape(len(x), -1))
        return nn.Dense(self.num_classes, name="head")(nn.relu(self.norm()(x)))


class Block(nn.Module):
    """Two convolutions, and a shortcut that pads the channels."""

    channels: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array, norm: Callable[..., nn.Module]) -> jax.Array:
        """Return the images after the block."""
        conv = functools.partial(nn.Conv, self.channels, (3, 3), use_bias=False)
        conv = functools.partial(conv, padding=((1, 1), (1, 1)))
        y = conv(strides=(self.stride, self.stride), name="conv1")(x)
        y = conv(name="conv2")(nn.relu(norm(name="norm1")(y)))
        y = norm(name="last_norm", scale_init=nn.initializers.zeros)(y)
        missing = self.channels - x.shape[-1]
        x = x[:, :: self.stride, :: self.stride]
        return nn.relu(jnp.pad(x, (*[(0, 0)] * 3, (0, missing))) + y)


class ResNet20(nn.Module):
    """`models.resnet20` by Flax's layers."""

    num_classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Return the logits."""
        norm = functools.partial(
            nn.BatchNorm, use_running_average=not train, momentum=0.9
        )
        x = nn.Conv(16, (3, 3), use_bias=False, name="stem")(x)
        x = nn.relu(norm(name="stem_norm")(x))
        for stage, channels in enumerate((16, 32, 64), start=1):
            for block in (1, 2, 3):
                stride = 2 if stage > 1 and block == 1 else 1
                name = f"stage{stage}_block{block}"
                x = Block(channels, stride, name=name)(x, norm)
        return nn.Dense(self.num_classes, name="head")(jnp.mean(x, axis=(1, 2)))


def training(
    model: nn.Module,
    variables: Sequence[dict[str, Any]],
    rule: optax.GradientTransformation,
    examples: tuple[np.ndarray, np.ndarray],
    batches: Callable[[int, int], np.ndarray],
    updates: int,
) -> Callable[[], list[jax.Array]]:
    """Return a call that trains networks for some updates, a dispatch for each.

    The members of a population are unrolled inside one program.

    Args:
      model: called `(x, *, train)`.
      variables: of each of M networks.
      rule: any optax transformation.
      examples: inputs [N, ..., C] and labels [N].
      batches: first update, their number -> indices [M, T, B].
      updates: of each network in a call.
    """
    data = tuple(jnp.asarray(part) for part in examples)

    def member(state, x, labels):
        variables, slots = state

        def objective(params):
            logits, updated = model.apply(
                variables | {"params": params}, x, train=True, mutable=["batch_stats"]
            )
            each = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return jnp.mean(each), updated

        params = variables["params"]
        (loss, updated), slope = jax.value_and_grad(objective, has_aux=True)(params)
        steps, slots = rule.update(slope, slots, params)
        return ({"params": optax.apply_updates(params, steps), **updated}, slots), loss

    @functools.partial(jax.jit, donate_argnums=0)
    def step(states, x, labels, chosen):
        made = [member(s, x[i], labels[i]) for s, i in zip(states, chosen, strict=True)]
        return [state for state, _ in made], [loss for _, loss in made]

    states = [(jax.tree.map(jnp.copy, v), rule.init(v["params"])) for v in variables]
    done = 0

    def run():
        nonlocal states, done
        chosen = batches(done, updates).swapaxes(0, 1)
        done += updates
        losses = []
        for batch in chosen:
            states, loss = step(states, *data, batch)
            losses.append(loss)
        return jax.block_until_ready((losses, states))[0]

    return run
