"""Loss and accuracy of a population on whole data sets, in test mode."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lec7 import arguments, loops
from lec7.data import disk
from lec7.train import execution, feed, shares
from lec7.train import state as states
from lec7.train import step as steps

Examples = tuple[np.ndarray | disk.DiskImages, np.ndarray]
READ = 2**23  # bytes that are read from the disk and evaluated at once


def example_metrics(
    model: nn.Module, loss: steps.Loss, metrics: steps.MetricFunctions = steps.ACCURACY
) -> Callable[[Any, jax.Array, jax.Array], dict[str, jax.Array]]:
    """Return a function that measures a network on each example of a batch.

    Args:
      model: Flax model, `apply(variables, images, train=False)` -> logits [B, K].
      loss: logits [B, K], labels [B] -> [B].
      metrics: name -> the same of what is measured beside it.

    Returns:
      variables, images, labels -> `loss` and the metrics, [B] each. Raises ValueError
      where one is not a number for each example.
    """
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
    per_example = example_metrics(model, loss, metrics)

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
      splits: name -> images [N, H, W, C] and labels [N]; images that stay on the disk
        are read ahead while others are evaluated.
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
    per_example = example_metrics(model, loss, metrics)

    def member(variables, images, labels, weights):
        each = per_example(variables, images, labels)
        total = functools.partial(jnp.matmul, weights, precision="highest")
        return {name: total(values) for name, values in each.items()}

    def each(variables, images, labels, weights):
        def population(part):
            def one(variables):
                return member(variables, *part)

            first = jax.tree.map(lambda leaf: leaf[0], variables)
            flat = loops.are_slow(one, first, platform=devices[0].platform)
            return execution.over_members(one, flat=flat)(variables)

        return jax.lax.map(population, (images, labels, weights))

    sums = _in_memory(each, devices, chunk), _from_disk(each, devices, chunk)
    totals = {
        name: sums[isinstance(examples[0], disk.DiskImages)](*examples)
        for name, examples in splits.items()
    }
    sizes = {name: len(labels) for name, (_, labels) in splits.items()}

    def evaluate(state):
        return {
            f"{name}_{metric}": np.asarray(total) / sizes[name]
            for name, totals_of in totals.items()
            for metric, total in totals_of(state.variables).items()
        }

    return evaluate


def _in_memory(each, devices, chunk) -> Callable:
    """Return (images, labels) -> variables -> sums over all examples, name -> [M]."""

    def total(variables, *part):
        sums = _sum_chunks(each(variables, *part))
        return jax.lax.psum(sums, steps.DEVICE_AXIS)

    mapped = steps.over_devices(total, devices, in_axes=(None, 0, 0, 0))

    def totals(images, labels):
        mine = shares.of(devices).mine
        parts = chunks(images, labels, len(devices), chunk, mine)
        placed = steps.place(parts, devices, split=True)
        return lambda variables: mapped(variables, *placed)

    return totals


def _from_disk(each, devices, chunk) -> Callable:
    """Return the same of images on the disk: some chunks at once, read ahead."""

    def totals(images, labels):
        def sums(variables, pixels, *part):
            made = each(variables, images.decode(pixels), *part)
            return jax.lax.psum(made, steps.DEVICE_AXIS)

        mine = shares.of(devices).mine
        places = _places(len(labels), len(devices), chunk)
        index, weights = (array[mine] for array in places)
        size = images.size // len(images) * index[:, 0].size
        parts = -(-index.shape[1] // max(1, READ // size))
        count = -(-index.shape[1] // parts)

        def part(number):
            # The last is filled up with examples of weight zero, as long as the others.
            some = slice(number * count, (number + 1) * count)
            rows, held = index[:, some], weights[:, some]
            missing = ((0, 0), (0, count - rows.shape[1]), (0, 0))
            rows, held = (np.pad(array, missing) for array in (rows, held))
            pixels = images.bytes(rows.ravel()).reshape(*rows.shape, *images.shape[1:])
            return pixels, labels[rows], held

        mapped = steps.over_devices(sums, devices, in_axes=(None, 0, 0, 0))

        def of(variables):
            made = []
            for given in disk.read_ahead(part, parts, size=size * count):
                made = [*jax.device_get(made), mapped(variables, *given)]
            joined = jax.tree.map(lambda *rows: jnp.concatenate(rows), *made)
            return _sum_chunks(joined)

        return of

    return totals


def _sum_chunks(made: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), made)


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
    images: np.ndarray,
    labels: np.ndarray,
    devices: int,
    chunk: int,
    mine: slice = slice(None),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, labels and weights as [D, number of chunks, B, ...].

    B is at most the chunk, and no larger than what N examples need. Of the devices
    only `mine` have theirs.
    """
    places = _places(len(labels), devices, chunk)
    index, weights = (array[mine] for array in places)
    return images[index], labels[index], weights


def _places(count: int, devices: int, chunk: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which examples are in which chunks, and their weights."""
    chunk = min(chunk, -(-count // devices))
    per_device = -(-count // (devices * chunk))
    index = np.arange(devices * per_device * chunk).reshape(devices, per_device, chunk)
    weights = (index < count).astype(np.float32)
    return np.minimum(index, count - 1), weights
