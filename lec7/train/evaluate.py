"""Loss and accuracy of a population on whole data sets, in test mode."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lec7 import arguments, loops
from lec7.train import execution, feed
from lec7.train import state as states
from lec7.train import step as steps

Examples = tuple[np.ndarray, np.ndarray]


def batch_metrics(
    model: nn.Module, loss: steps.Loss, metrics: steps.MetricFunctions = steps.ACCURACY
) -> Callable[[Any, Examples], dict[str, jax.Array]]:
    """Return a function of variables and a batch, such as curvature and slices take.

    Args:
      model: Flax model, `apply(variables, images, train=False)` -> logits [B, K].
      loss: logits [B, K], labels [B] -> [B].
      metrics: name -> the same of what is measured beside it.

    Returns:
      variables, (images, labels) -> `loss` and the metrics, means over the batch, [].
      Raises ValueError where one is not a number for each example.
    """
    per_example = _per_example(model, loss, metrics)

    def means(variables, batch):
        each = per_example(variables, *batch)
        return {name: jnp.mean(values) for name, values in each.items()}

    return means


def make_evaluate(
    model: nn.Module,
    loss: steps.Loss,
    splits: Mapping[str, Examples],
    devices: Sequence[jax.Device],
    *,
    metrics: steps.MetricFunctions = steps.ACCURACY,
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
      metrics: name -> the same as the loss of what is measured beside it.
      chunk: examples a pass on one device.

    Returns:
      state -> {"NAME_loss": [M], "NAME_accuracy": [M] for each split}.

    Raises:
      TypeError: the model is not called `(x, *, train)`.
      ValueError: a split has not as many labels as images, or none; when it is called,
        the loss or a metric is not a number for each example.
    """
    arguments.require_call(model, "train")
    for name, examples in splits.items():
        feed.require_together(name, *examples)
    per_example = _per_example(model, loss, metrics)

    def member(variables, images, labels, weights):
        each = per_example(variables, images, labels)
        total = functools.partial(jnp.matmul, weights, precision="highest")
        return {name: total(values) for name, values in each.items()}

    def total(variables, images, labels, weights):
        def population(part):
            def one(variables):
                return member(variables, *part)

            first = jax.tree.map(lambda leaf: leaf[0], variables)
            flat = loops.are_slow(one, first, platform=devices[0].platform)
            return execution.over_members(one, flat=flat)(variables)

        sums = jax.lax.map(population, (images, labels, weights))
        sums = jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), sums)
        return jax.lax.psum(sums, steps.DEVICE_AXIS)

    mapped = steps.over_devices(total, devices, in_axes=(None, 0, 0, 0))
    placed = {
        name: steps.place(chunks(*examples, len(devices), chunk), devices, split=True)
        for name, examples in splits.items()
    }
    sizes = {name: len(labels) for name, (_, labels) in splits.items()}

    def evaluate(state):
        return {
            f"{name}_{metric}": np.asarray(total) / sizes[name]
            for name, parts in placed.items()
            for metric, total in mapped(state.variables, *parts).items()
        }

    return evaluate


def _per_example(
    model: nn.Module, loss: steps.Loss, metrics: steps.MetricFunctions
) -> Callable[[Any, jax.Array, jax.Array], dict[str, jax.Array]]:
    """Return variables, inputs, labels -> loss and metrics of each example [B]."""
    functions = {"loss": loss, **metrics}

    def per_example(variables, images, labels):
        arguments.require(len(images) > 0, "images", images, "one example or more")
        with jax.default_matmul_precision("highest"):
            logits = model.apply(variables, images, train=False)
            each = {
                name: function(logits, labels) for name, function in functions.items()
            }
        for name, values in each.items():
            expected = f"[{len(images)}], a number for each example"
            holds = jnp.shape(values) == images.shape[:1]
            arguments.require(
                holds, f"the shape of {name}", jnp.shape(values), expected
            )
            each[name] = values.astype(jnp.promote_types(values.dtype, jnp.float32))
        return each

    return per_example


def check_labels(labels: np.ndarray, classes: int, name: str) -> None:
    """Check labels.

    Raises:
      ValueError: they are neither classes [N] nor probabilities [N, K].
    """
    if labels.ndim == 2 and labels.shape[1] == classes and labels.dtype.kind == "f":
        return
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name} labels are {labels.dtype}{list(labels.shape)}; expected integers "
            f"[N] or probabilities [N, {classes}]"
        )
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"{name} labels[{first}] is {labels[first]}; expected a class from 0 to "
            f"{classes - 1}, since the model has {classes} outputs"
        )


def check_distributions(labels: np.ndarray, name: str) -> None:
    """Check labels, if they are probabilities [N, K], to the precision of halves.

    Raises:
      ValueError: one is negative or no number, or those of an example are not of sum 1.
    """
    if labels.ndim < 2:
        return
    labels = labels.astype(np.float32)
    good = (labels >= 0).all(axis=1) & (np.abs(labels.sum(axis=1) - 1) < 5e-3)
    if not good.all():
        first = int(good.argmin())
        raise ValueError(
            f"{name} labels[{first}] is {labels[first]}; expected probabilities >= 0 "
            "of sum 1"
        )


def chunks(
    images: np.ndarray, labels: np.ndarray, devices: int, chunk: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, labels and weights as [D, number of chunks, B, ...].

    B is at most the chunk, and no larger than what N examples need.
    """
    count = len(labels)
    chunk = min(chunk, -(-count // devices))
    per_device = -(-count // (devices * chunk))
    index = np.arange(devices * per_device * chunk).reshape(devices, per_device, chunk)
    weights = (index < count).astype(np.float32)
    index = np.minimum(index, count - 1)
    return images[index], labels[index], weights
