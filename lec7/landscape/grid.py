"""The loss at linear combinations of parameter trees, on which every picture rests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chex
import jax
import numpy as np

from lec7.curvature import averages


def losses(
    loss_fn: Callable[[Any, Any], Any],
    trees: Mapping[str, chex.ArrayTree],
    coefficients: np.ndarray,
    batches: Sequence[chex.ArrayTree],
    prepare: Callable[[Any], Any] | None,
) -> Any:
    """Return the mean loss at every point sum_k coefficients[a, k] trees[k].

    The points are walked on the host, as batches are: on a CPU that takes 1 to 1.3
    times as long as `lax.map` over points, but it shares the compilation of
    `averages.mean_loss`, and prepares a point once, not once a batch.

    Args:
      loss_fn: params, batch -> mean over the batch, a scalar or a pytree of scalars.
      trees: pytrees of one structure, with the name each has in an error message.
      coefficients: [A, K], one column a tree.
      batches: pytrees whose leaves have the examples in their first axis.
      prepare: point -> what `loss_fn` takes in place of it; None for the point itself.

    Returns:
      Means over all examples [A], NumPy; a pytree of them if `loss_fn` returns one.
    """
    _check_alike(trees)
    fn, frozen = averages.as_partial(loss_fn), averages.freeze(batches)
    means = []
    for row in coefficients:
        point = _combine(tuple(trees.values()), row)
        point = point if prepare is None else prepare(point)
        means.append(averages.mean(fn, frozen, point))
    return jax.tree.map(lambda *mean: np.array(mean), *jax.device_get(means))


def axis(name: str, values: Any) -> np.ndarray:
    """Read the coordinates along one axis of a grid.

    Args:
      name: what an error message calls them.
      values: array-like.

    Returns:
      The coordinates [A], float64.

    Raises:
      ValueError: they are not a row of increasing finite numbers.
    """
    points = np.asarray(values, np.float64)
    finite = points.ndim == 1 and points.size > 0 and np.isfinite(points).all()
    if not finite or not (np.diff(points) > 0).all():
        raise ValueError(
            f"{name} must be a row of finite, strictly increasing numbers, got {values}"
        )
    return points


@jax.jit
def _combine(trees: tuple[chex.ArrayTree, ...], row: jax.Array) -> chex.ArrayTree:
    def combine(*leaves: jax.Array) -> jax.Array:
        total = sum(c * leaf for c, leaf in zip(row, leaves, strict=True))
        return total.astype(leaves[0].dtype)

    return jax.tree.map(combine, *trees)


def _check_alike(trees: Mapping[str, chex.ArrayTree]) -> None:
    (first, reference), *others = trees.items()
    for name, tree in others:
        expected, got = jax.tree.structure(reference), jax.tree.structure(tree)
        if got != expected:
            raise ValueError(
                f"{name} must be a tree like {first}, {expected}; got {got}"
            )
        for (path, leaf), other in zip(
            jax.tree.leaves_with_path(reference), jax.tree.leaves(tree), strict=True
        ):
            if leaf.shape != other.shape:
                raise ValueError(
                    f"{name}{jax.tree_util.keystr(path)} must have the shape "
                    f"{leaf.shape} it has in {first}, got {other.shape}"
                )
