"""What `train.train` is given, made alike and checked before anything is compiled."""

import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lec7 import arguments, hosts, losses
from lec7.data import dataset as datasets
from lec7.data import disk
from lec7.train import evaluate as evaluation
from lec7.train import feed
from lec7.train import step as steps

Initialise = Callable[[jax.Array], Any]
Pair = tuple[Initialise, Callable[[Any, jax.Array], jax.Array]]


class Function(NamedTuple):
    """A function of parameters and inputs, called as a Flax model is."""

    function: Callable[[Any, jax.Array], jax.Array]

    def apply(self, variables, inputs, *, train, rngs=None, mutable=()):
        """Return the function's value, and the collections that it changes: none."""
        del train, rngs
        value = self.function(variables["params"], inputs)
        return (value, {}) if mutable else value


class Examples(NamedTuple):
    """Where batches come from, and what is evaluated."""

    splits: Mapping[str, tuple[np.ndarray | disk.DiskImages, np.ndarray]]
    """Name -> inputs [N, ...] and labels [N, ...]; without "train" for a stream."""
    batch: tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]
    """Shapes of a batch."""
    batches: feed.Feed
    digest: str
    """SHA-256 of the examples to train on, or of the first batch of a stream."""


def network(model: nn.Module | Pair, initialise: Initialise | None, inputs: Any):
    """Return a model to apply, and key -> its variables.

    Raises:
      TypeError: a module is not called `(x, *, train)`.
      ValueError: a pair comes with another `initialise`.
    """
    if isinstance(model, tuple):
        if initialise is not None:
            raise ValueError(
                "initialise is given and model is a pair (initialise, apply); expected "
                "one of them"
            )
        make, apply = model
        return Function(apply), lambda key: {"params": make(key)}
    arguments.require_call(model, "train")
    if getattr(model, "axis_name", 0) is None:
        model = model.clone(axis_name=steps.DEVICE_AXIS)
    if initialise is None:
        example = jnp.zeros((1, *inputs.shape[1:]), inputs.dtype)

        def initialise(key):
            return model.init(key, example, train=False)

    return model, initialise


def examples(
    dataset: Any, *, seeds: Sequence[int], batch_size: int, parts: int = 1
) -> Examples:
    """Return where batches come from; `train.train` says what a data set may be.

    Of a stream each of so many hosts may have its part of every batch alone.

    Raises:
      ValueError: lengths differ, or a label does not fit.
    """
    if isinstance(dataset, datasets.Dataset):
        names = ("train", "validation", "test")
        dataset = {name: getattr(dataset, name) for name in names}
    elif isinstance(dataset, tuple):
        dataset = {"train": dataset}
    if not isinstance(dataset, Mapping):
        return _streamed(dataset, len(seeds), batch_size, parts)
    if "train" not in dataset:
        raise ValueError(
            f"dataset has the splits {', '.join(dataset) or 'none'}; expected train"
        )
    batches = dataset["train"]
    splits = {
        name: _pair(name, split)
        for name, split in dataset.items()
        if not isinstance(split, feed.Feed | None)
    }
    # Without examples a split is absent, as None is; train has some.
    splits = {
        name: split
        for name, split in splits.items()
        if name == "train" or any(map(len, split))
    }
    for name, split in splits.items():
        feed.require_together(name, *split)
    if isinstance(batches, feed.Feed):
        return _fed(batches, splits)
    train = splits["train"]
    for name, split in splits.items():
        shape, expected = (given[0].shape[1:] for given in (split, train))
        told = f"the shape of {name} inputs"
        arguments.require(shape == expected, told, shape, f"{expected}, as in train")
    shapes = tuple(
        jax.ShapeDtypeStruct(
            (batch_size, *leaf.shape[1:]), jax.dtypes.canonicalize_dtype(leaf.dtype)
        )
        for leaf in train
    )
    batches = feed.from_arrays(*train, seeds=seeds, batch_size=batch_size)
    return Examples(splits, shapes, batches, _digest(train))


def _pair(name: str, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels as arrays.

    Raises:
      ValueError: they are not two arrays with an axis of examples.
    """
    if any(np.ma.is_masked(part) for part in given):
        raise ValueError(f"{name} has masked numbers; expected arrays without a mask")
    arrays = tuple(
        part if isinstance(part, disk.DiskImages) else np.asarray(part)
        for part in given
    )
    if len(arrays) != 2 or not all(array.ndim for array in arrays):
        raise ValueError(
            f"{name} is of {len(arrays)} parts with the shapes "
            f"{[array.shape for array in arrays][:3]}; expected inputs [N, ...] and "
            "labels [N, ...]"
        )
    for part, leaf in zip(("inputs", "labels"), arrays, strict=True):
        values = leaf.table if isinstance(leaf, disk.DiskImages) else leaf
        _require_kept(f"{name} {part}", values, finite=part == "inputs")
    return arrays


def _require_kept(name: str, leaf: np.ndarray, *, finite: bool) -> None:
    """Check that JAX has the numbers, and that it does not change them.

    Raises:
      ValueError: they are no numbers, an integer is beyond the type that JAX casts it
        to, or one should be finite and is not.
    """
    number = leaf.dtype == bool or jax.dtypes.issubdtype(leaf.dtype, np.number)
    arguments.require(number, f"the type of {name}", str(leaf.dtype), "one of numbers")
    kept = jax.dtypes.canonicalize_dtype(leaf.dtype)
    if jax.dtypes.issubdtype(kept, np.integer):
        wrong = leaf.astype(kept) != leaf
    elif finite and jax.dtypes.issubdtype(kept, np.inexact):
        with np.errstate(over="ignore"):
            wrong = ~np.isfinite(leaf.astype(kept, copy=False))
    else:
        return
    if wrong.any():
        first = tuple(map(int, np.unravel_index(wrong.argmax(), wrong.shape)))
        raise ValueError(
            f"{name}{list(first)} is {leaf[first]}; expected finite numbers of {kept}"
        )


def _fed(
    batches: feed.Feed, splits: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> Examples:
    slot = jax.tree.map(lambda leaf: leaf[0], batches.slots(0, 1))
    shapes = jax.eval_shape(batches.fetch, batches.data, slot)
    members = tuple(jax.ShapeDtypeStruct(s.shape[1:], s.dtype) for s in shapes)
    digest = _digest([*jax.tree.leaves(batches.data), *jax.tree.leaves(slot)])
    return Examples(splits, members, batches, digest)


def _streamed(stream: Any, members: int, batch_size: int, parts: int) -> Examples:
    first = _pair("the stream's first batch", stream[0])
    divided = parts > 1 and len(first[0]) * parts == batch_size
    if divided:
        of_all = map(pickle.loads, hosts.gathered(pickle.dumps(first)))
        first = tuple(map(np.concatenate, zip(*of_all, strict=True)))
    if any(len(leaf) != batch_size for leaf in first):
        raise ValueError(
            f"the stream's first batch has {len(first[0])} inputs and {len(first[1])} "
            f"labels; expected batch_size={batch_size} of both"
            + (f", or a host's part of 1/{parts} on each" if parts > 1 else "")
        )
    shapes = tuple(
        jax.ShapeDtypeStruct(leaf.shape, jnp.asarray(leaf[:1]).dtype) for leaf in first
    )
    # Grain's own read well in threads; what else is indexed may not.
    size = sum(leaf.nbytes for leaf in first)
    batches = feed.from_stream(
        lambda step: tuple(stream[step]),
        members=members,
        ahead=size if hasattr(stream, "to_iter_dataset") else None,
        divided=divided,
    )
    return Examples({}, shapes, batches, _digest(first))


def check(
    model: Any,
    initialise: Initialise,
    given: Examples,
    functions: Mapping[str, steps.Loss],
) -> None:
    """Trace the model and what is computed of its outputs, without computing.

    Raises:
      ValueError: the model has variables other than parameters and batch statistics, a
        function does not give a number for each example, or a label is out of range.
    """
    variables = jax.eval_shape(initialise, jax.random.key(0))
    others = sorted(set(variables) - {"params", "batch_stats"})
    if others:
        raise ValueError(
            f"the model has variables {', '.join(others)}; expected params and "
            "batch_stats alone"
        )
    inputs, labels = given.batch
    outputs = jax.eval_shape(
        lambda variables, x: model.apply(variables, x, train=False), variables, inputs
    )
    # Our losses would broadcast them, cast them, or read another class.
    if {losses.cross_entropy, losses.squared_error, losses.accuracy} & set(
        functions.values()
    ):
        for name, (_, y) in given.splits.items():
            evaluation.check_labels(y, outputs.shape[-1], name)
            if losses.cross_entropy in functions.values():
                evaluation.check_distributions(y, name)
    for name, function in functions.items():
        shape = jax.eval_shape(function, outputs, labels).shape
        if shape != inputs.shape[:1]:
            raise ValueError(
                f"{name} of outputs {list(outputs.shape)} and labels "
                f"{list(labels.shape)} has shape {list(shape)}; expected "
                f"[{len(inputs)}], a number for each example"
            )


def _digest(leaves: Sequence[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for leaf in leaves:
        digest.update(f"{leaf.dtype}{leaf.shape}".encode())
        held = isinstance(leaf, disk.DiskImages)
        digest.update(leaf.digest.encode() if held else np.ascontiguousarray(leaf))
    return digest.hexdigest()
