"""The loss at linear combinations of parameter trees, on which every picture rests."""

import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from lec7 import arguments
from lec7.curvature import batch_means, floating, placement
from lec7.landscape import chunks


def losses(
    loss_fn: Callable[[Any, Any], Any],
    trees: Mapping[str, chex.ArrayTree],
    coefficients: np.ndarray,
    batches: Iterable[chex.ArrayTree],
    prepare: Callable[[Any], Any] | None,
    *,
    devices: Sequence[jax.Device] | None = None,
    path: pathlib.Path | None = None,
    chunk: int = 1,
) -> Any:
    """Return the mean loss at every point sum_k coefficients[a, k] trees[k].

    The points of a chunk are one program a batch, where the machine is fast in a loop.
    Else they are walked on the host, as batches are, which shares the compilation of
    `batch_means.mean_loss`, and prepares a point once, not once a batch.

    Args:
      loss_fn: params, batch -> mean over the batch, a scalar or a pytree of scalars.
      trees: pytrees of one structure, with the name each has in an error message.
      coefficients: [A, K], one column a tree.
      batches: pytrees whose leaves have the examples in their first axis.
      prepare: point -> what `loss_fn` takes in place of it; None for the point itself.
      devices: as in `slice_1d`.
      path: where finished points are kept, and found again; see `chunks`.
      chunk: points between two writings.

    Returns:
      Means over all examples [A], NumPy; a pytree of them if `loss_fn` returns one.
    """
    check_alike(trees)
    fn, frozen = batch_means.as_partial(loss_fn), batch_means.spread(batches, devices)
    loss, ends = batch_means.scalar(fn), tuple(trees.values())
    first = combine(ends, coefficients[0])
    shapes = placement.shapes(placement.first(frozen))
    together = chunk > 1 and prepare is None
    together = together and placement.is_fast_in_loop(loss, first, shapes)

    def at(row: np.ndarray) -> Any:
        point = combine(ends, row)
        return batch_means.mean(
            loss, frozen, point if prepare is None else prepare(point)
        )

    def evaluate(start: int, stop: int) -> Any:
        rows = coefficients[start:stop]
        if together:
            many = jax.tree_util.Partial(_at_all, loss)
            padded = np.pad(rows, ((0, chunk - len(rows)), (0, 0)))
            found = batch_means.mean(many, frozen, ends, padded, len(rows))
            return jax.tree.map(lambda leaf: leaf[: len(rows)], jax.device_get(found))
        means = [at(row) for row in rows]
        return jax.tree.map(lambda *mean: np.array(mean), *jax.device_get(means))

    if path is None:
        count = len(coefficients)
        return chunks.join(evaluate, count, chunk if together else count)
    digest = chunks.digest(ends, coefficients, batches, fn)
    shared = placement.is_shared(frozen)
    return chunks.evaluate(evaluate, len(coefficients), chunk, path, digest, shared)


def axis(name: str, values: Any) -> np.ndarray:
    """Return the coordinates along one axis of a grid, float64 [A].

    Raises:
      ValueError: they are not a row of increasing finite numbers.
    """
    points = np.asarray(values, np.float64)
    finite = points.ndim == 1 and points.size > 0 and np.isfinite(points).all()
    rising = finite and (np.diff(points) > 0).all()
    arguments.require(rising, name, values, "a row of finite, increasing numbers")
    return points


@jax.jit
def combine(trees: tuple[chex.ArrayTree, ...], row: jax.Array) -> chex.ArrayTree:
    """Return sum_k row[k] trees[k], in the dtypes of the first tree, half as float32.

    What is no number, such as a PRNG key, is that of the first tree.

    Args:
      trees: K pytrees of one structure.
      row: [K].
    """

    def add(*leaves: jax.Array) -> jax.Array:
        if not jnp.issubdtype(leaves[0].dtype, jnp.number):
            return leaves[0]
        total = sum(c * leaf for c, leaf in zip(row, leaves, strict=True))
        return total.astype(leaves[0].dtype)

    return jax.tree.map(add, *floating.widen(trees))


def _at_all(
    loss: Callable, ends: tuple, rows: jax.Array, count: int, batch: Any
) -> Any:
    """Return the loss at the first `count` points, [A]; zeros at the others."""

    def at(index, found):
        value = loss(combine(ends, rows[index]), batch)
        return jax.tree.map(lambda old, new: old.at[index].set(new), found, value)

    shapes = jax.eval_shape(loss, combine(ends, rows[0]), batch)
    nothing = jax.tree.map(lambda one: jnp.zeros(len(rows), one.dtype), shapes)
    return jax.lax.fori_loop(0, count, at, nothing)


def check_alike(trees: Mapping[str, chex.ArrayTree]) -> None:
    """Refuse trees that cannot be combined, by the names of messages.

    Raises:
      ValueError: one has a leaf that is no array, another structure, or a leaf of
        another shape, than the first.
    """
    arguments.require_arrays(**trees)
    (first, reference), *others = trees.items()
    for name, tree in others:
        expected, got = jax.tree.structure(reference), jax.tree.structure(tree)
        if got != expected:
            raise ValueError(
                f"{name} is {got}; expected a tree like {first}, {expected}"
            )
        for (path, leaf), other in zip(
            jax.tree.leaves_with_path(reference), jax.tree.leaves(tree), strict=True
        ):
            if leaf.shape != other.shape:
                raise ValueError(
                    f"{name}{jax.tree_util.keystr(path)} has shape {other.shape}; "
                    f"expected {leaf.shape}, as in {first}"
                )
