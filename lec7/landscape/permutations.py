"""Hidden units in another order: the same function at another point.

A network computes the same whichever way its hidden units are numbered, so a barrier
between two networks may be due to the numbering alone. Which axes must be re-ordered
together is written as a table, with one row a leaf and one entry an axis of it: the
name of a permutation, or None where the order is fixed.

    {"hidden/kernel": (None, "units"), "hidden/bias": ("units",),
     "head/kernel": ("units", None)}

Leaves that the table does not name stay as they are.
"""

from collections.abc import Mapping, Sequence

import chex
import jax
import numpy as np
import scipy

from lec7 import parameter_paths
from lec7.landscape import grid

Axes = Mapping[str, tuple[str | None, ...]]
Permutations = Mapping[str, np.ndarray]


def dense_axes(layers: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
    """Return the table of a chain of dense layers, such as `models.MLP`.

    Args:
      layers: paths of the layers, from input to output: "params/Dense_0".

    Returns:
      The table; the units between two layers have the name of the first.

    Example:
      >>> dense_axes(["hidden", "head"])["head/kernel"]
      ('hidden', None)
    """
    units = [None, *layers[:-1], None]
    axes = {}
    for layer, before, after in zip(layers, units[:-1], units[1:], strict=True):
        axes[f"{layer}/kernel"] = (before, after)
        axes[f"{layer}/bias"] = (after,)
    return axes


def permute(
    params: chex.ArrayTree, axes: Axes, permutations: Permutations
) -> chex.ArrayTree:
    """Re-order hidden units.

    Args:
      params: pytree of arrays.
      axes: which axes share a permutation.
      permutations: name -> order [n]: unit i is the former unit order[i]. Units of a
        name that is missing keep theirs.

    Returns:
      The parameters of the same function.

    Raises:
      ValueError: the table does not fit the parameters.

    Example:
      >>> params = {"kernel": np.array([[1, 2, 3]])}
      >>> permute(params, {"kernel": (None, "units")}, {"units": np.array([2, 0, 1])})
      {'kernel': array([[3, 1, 2]])}
    """
    sizes(params, axes)

    def reorder(path: tuple, leaf: jax.Array) -> jax.Array:
        for axis, name in enumerate(axes.get(parameter_paths.written(path), ())):
            if name in permutations:
                leaf = leaf.take(permutations[name], axis=axis)
        return leaf

    return jax.tree_util.tree_map_with_path(reorder, params)


def match_permutations(
    reference: chex.ArrayTree,
    params: chex.ArrayTree,
    axes: Axes,
    *,
    key: jax.Array,
    sweeps: int = 100,
) -> dict[str, np.ndarray]:
    """Number the hidden units of a network as in another, by its weights alone.

    max <reference, permuted params> over all permutations, by coordinate ascent: one
    permutation after the other, in random order, is set to its best given the rest,
    which is a linear assignment problem; until a sweep gains nothing. The optimum is a
    local one, from the units as they are.

    Args:
      reference: pytree of arrays.
      params: pytree like it.
      axes: which axes share a permutation; no leaf has one name twice.
      key: typed PRNG key, for the order of the permutations.
      sweeps: over all permutations, at the most.

    Returns:
      Name -> order, for `permute(params, axes, ...)`.

    Raises:
      ValueError: the trees do not fit each other or the table.

    Example:
      >>> axes = {"in": (None, "units"), "out": ("units", None)}
      >>> a = {"in": np.array([[1.0, 5.0]]), "out": np.array([[2.0], [3.0]])}
      >>> b = {"in": np.array([[5.0, 1.0]]), "out": np.array([[3.0], [2.0]])}
      >>> match_permutations(a, b, axes, key=jax.random.key(0))
      {'units': array([1, 0])}

    References:
      Ainsworth, Hayase and Srinivasa 2023, arXiv:2209.04836, algorithm 1.
    """
    grid.check_alike({"reference": reference, "params": params})
    orders = {name: np.arange(size) for name, size in sizes(params, axes).items()}
    wanted, given = _leaves(reference, axes), _leaves(params, axes)
    names = sorted(orders)
    for sweep in range(sweeps):
        gain = 0.0
        for index in jax.random.permutation(jax.random.fold_in(key, sweep), len(names)):
            name = names[index]
            overlap = _overlap(wanted, given, axes, orders, name)
            _, order = scipy.optimize.linear_sum_assignment(overlap, maximize=True)
            rows = np.arange(len(order))
            gain += np.sum(overlap[rows, order] - overlap[rows, orders[name]])
            orders[name] = order
        if gain <= 1e-12 * sum(np.sum(leaf**2) for leaf in wanted.values()):
            break
    return orders


def sizes(params: chex.ArrayTree, axes: Axes) -> dict[str, int]:
    """Return the number of units of each permutation.

    Raises:
      ValueError: a leaf is missing, an axis too, or two axes that share a permutation
        differ in size.
    """
    shapes = {
        parameter_paths.written(p): leaf.shape
        for p, leaf in jax.tree.leaves_with_path(params)
    }
    found: dict[str, int] = {}
    for leaf, names in axes.items():
        if leaf not in shapes:
            raise ValueError(f"there is no leaf {leaf!r}; expected one of {[*shapes]}")
        if len(names) != len(shapes[leaf]):
            raise ValueError(
                f"{leaf} has the shape {shapes[leaf]}; expected an axis for each of "
                f"{names}"
            )
        for name, size in zip(names, shapes[leaf], strict=True):
            if name is not None and found.setdefault(name, size) != size:
                raise ValueError(
                    f"{leaf} has {size} units {name!r} in its shape {shapes[leaf]}; "
                    f"expected {found[name]}, as in the leaves before"
                )
    return found


def _overlap(
    wanted: Mapping[str, np.ndarray],
    given: Mapping[str, np.ndarray],
    axes: Axes,
    orders: Permutations,
    name: str,
) -> np.ndarray:
    """Return <unit i of the reference, unit j of the parameters> [n, n]."""
    others = {other: order for other, order in orders.items() if other != name}
    moved = permute(given, axes, others)
    total = 0.0
    for leaf, names in axes.items():
        if name in names:
            axis = names.index(name)
            ours, theirs = (
                np.moveaxis(tree[leaf], axis, 0).reshape(len(orders[name]), -1)
                for tree in (wanted, moved)
            )
            total = total + ours @ theirs.T
    return total


def _leaves(params: chex.ArrayTree, axes: Axes) -> dict[str, np.ndarray]:
    """Return the leaves that have permutations, float64."""
    paths, leaves, _ = parameter_paths.flatten(params)
    return {
        path: np.asarray(leaf, np.float64)
        for path, leaf in zip(paths, leaves, strict=True)
        if path in axes
    }
