"""Loss and accuracy of a population on whole data sets, in test mode."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lec7.train import state as states
from lec7.train import step as steps

Examples = tuple[np.ndarray, np.ndarray]


def make_evaluate(
    model: nn.Module,
    loss: Callable[[jax.Array, jax.Array], jax.Array],
    splits: Mapping[str, Examples],
    devices: Sequence[jax.Device],
    *,
    chunk: int = 256,
) -> Callable[[states.TrainState], dict[str, np.ndarray]]:
    """Return a function that evaluates a population on every split.

    Examples are divided over the devices and read in chunks; the last chunk is filled
    up with examples of weight zero, so every example counts once.

    Args:
      model: Flax model, `apply(variables, images, train=False)` -> logits [B, K].
      loss: logits [B, K], labels [B] -> [B].
      splits: name -> images [N, H, W, C] and labels [N].
      devices: where to evaluate.
      chunk: examples a pass on one device.

    Returns:
      state -> {"NAME_loss": [M], "NAME_accuracy": [M] for each split}.
    """

    def member(state, images, labels, weights):
        logits = model.apply(state.variables, images, train=False)
        correct = jnp.argmax(logits, axis=-1) == labels
        return jnp.stack([jnp.vdot(weights, loss(logits, labels)), weights @ correct])

    def total(state, images, labels, weights):
        population = jax.vmap(member, in_axes=(0, None, None, None))
        sums = jax.lax.map(
            lambda part: population(state, *part), (images, labels, weights)
        )
        return jax.lax.psum(jnp.sum(sums, axis=0), steps.DEVICE_AXIS)

    mapped = steps.over_devices(total, devices, in_axes=(None, 0, 0, 0))
    placed = {
        name: steps.place(chunks(*examples, len(devices), chunk), devices, split=True)
        for name, examples in splits.items()
    }
    sizes = {name: len(labels) for name, (_, labels) in splits.items()}

    def evaluate(state):
        measured = {}
        for name, parts in placed.items():
            means = np.asarray(mapped(state, *parts)) / sizes[name]
            measured[f"{name}_loss"], measured[f"{name}_accuracy"] = means.T
        return measured

    return evaluate


def chunks(
    images: np.ndarray, labels: np.ndarray, devices: int, chunk: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, labels and weights as [D, number of chunks, B, ...].

    Args:
      images: [N, H, W, C].
      labels: [N].
      devices: D.
      chunk: the largest B; no larger than what N examples need.
    """
    count = len(labels)
    chunk = min(chunk, -(-count // devices))
    per_device = -(-count // (devices * chunk))
    index = np.arange(devices * per_device * chunk).reshape(devices, per_device, chunk)
    weights = (index < count).astype(np.float32)
    index = np.minimum(index, count - 1)
    return images[index], labels[index], weights
