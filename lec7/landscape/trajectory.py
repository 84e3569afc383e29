"""The path of a training, seen on a plane."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from lec7 import arguments
from lec7.curvature import floating
from lec7.landscape import grid

CENTRES = ("last", "mean")
_BLOCK = 2**16  # entries of each tree that are held in float64 at once


class Projection(NamedTuple):
    """Points as they are seen on a plane, and how far they are from it."""

    coordinates: np.ndarray  # [T, k], float64, in lengths of the directions
    off_plane: np.ndarray  # [T], L2 distance in parameter space


class PrincipalDirections(NamedTuple):
    """The directions in which a trajectory moves most."""

    origin: chex.ArrayTree
    directions: tuple[chex.ArrayTree, ...]  # k of them, orthonormal
    explained: np.ndarray  # [k], shares of the sum of squared distances to the origin
    projection: Projection  # of the snapshots


def pca_directions(
    snapshots: Sequence[chex.ArrayTree], k: int = 2, *, centre: str = "last"
) -> PrincipalDirections:
    """Find the plane that is nearest to a trajectory.

    With the rows w_t - origin = U S V^T, the directions are the first rows of V^T and
    the share of the variance that the i-th explains is s_i^2 / sum s^2. A direction has
    no sign of its own: the snapshot that is farthest along it has a positive
    coordinate.

    A plane may explain nearly all of the variance and yet be far from the trajectory in
    the units that matter, those of the loss: look at `projection.off_plane` and at
    `off_plane_losses`. All snapshots must be of one kind: averaged parameters and those
    they average lie in different places.

    Args:
      snapshots: T >= 2 pytrees of floating-point arrays.
      k: number of directions.
      centre: "last" for the last snapshot as the origin, about which Li et al. draw the
        landscape; "mean" for the mean of all, which is the usual PCA.

    Returns:
      The plane, and the snapshots on it.

    Raises:
      ValueError: centre is unknown, snapshots do not fit each other or are not finite,
        or they span fewer than k directions.

    Example:
      >>> snapshots = [np.array([4.0, 1.0]), np.array([2.0, 0.5]), np.zeros(2)]
      >>> found = pca_directions(snapshots, 1)
      >>> found.explained.round(3), found.projection.off_plane.round(3)
      (array([1.]), array([0., 0., 0.]))

    References:
      Li et al. 2018, arXiv:1712.09913, section 7.
    """
    arguments.require_one_of(CENTRES, centre=centre)
    named = {f"snapshot {t}": tree for t, tree in enumerate(snapshots)}
    _check(named)
    weights = np.full(len(named), 1 / len(named))
    if centre == "last":
        weights = np.arange(1, len(named) + 1) == len(named)
    # With moved^T = Q R, moved = U S V^T has U and S in common with R^T.
    reach, lengths, _ = np.linalg.svd(
        _triangle(_blocks(named, weights)).T, full_matrices=False
    )
    spanned = int(np.sum(lengths > lengths[0] * np.finfo(np.float64).eps * len(named)))
    arguments.require(
        1 <= k <= spanned,
        "k",
        k,
        f"1 to {spanned}, the directions that {len(named)} snapshots span",
    )
    reach = reach[:, :k] * np.sign(reach[np.argmax(abs(reach), axis=0)[:k], range(k)])
    rows = np.concatenate([block.T @ reach for block in _blocks(named, weights)])
    rows, triangle = np.linalg.qr(rows)
    origin, *directions = (
        _unflatten(row, snapshots[0])
        for row in (
            np.concatenate([weights @ block for block in _blocks(named)]),
            *(rows * np.sign(np.diag(triangle))).T,
        )
    )
    return PrincipalDirections(
        origin,
        tuple(directions),
        (lengths**2 / np.sum(lengths**2))[:k],
        project(snapshots, origin, directions),
    )


def project(
    snapshots: Sequence[chex.ArrayTree],
    origin: chex.ArrayTree,
    directions: Sequence[chex.ArrayTree],
) -> Projection:
    """Find the point of a plane that is nearest to each snapshot.

    min_c ||w_t - origin - sum_i c_i direction_i||, by least squares, since directions
    that were scaled filter by filter are not orthogonal.

    Args:
      snapshots: T pytrees w_t.
      origin: pytree like the snapshots.
      directions: k linearly independent pytrees like the origin.

    Returns:
      Coordinates, and distances from the plane.

    Raises:
      ValueError: a tree does not fit the origin, or is not finite.

    Example:
      >>> plane = [np.array([1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0])]
      >>> seen = project([np.array([3.0, 2.0, 0.5])], np.zeros(3), plane)
      >>> seen.coordinates.round(6), seen.off_plane.round(6)
      (array([[1., 2.]]), array([0.5]))
    """
    named = {
        "origin": origin,
        **{f"direction {i}": tree for i, tree in enumerate(directions)},
        **{f"snapshot {t}": tree for t, tree in enumerate(snapshots)},
    }
    _check(named)
    count = len(directions)
    triangle = _triangle(
        np.concatenate([block[1 : count + 1], block[count + 1 :] - block[0]])
        for block in _blocks(named)
    )
    basis, moved = triangle[:, :count], triangle[:, count:]
    coordinates = np.linalg.lstsq(basis, moved)[0]
    rest = np.linalg.norm(moved - basis @ coordinates, axis=0)
    return Projection(coordinates.T, rest)


def off_plane_losses(
    loss_fn: Callable[[Any, Any], Any],
    snapshots: Sequence[chex.ArrayTree],
    origin: chex.ArrayTree,
    directions: Sequence[chex.ArrayTree],
    batches: Iterable[chex.ArrayTree],
    *,
    prepare: Callable[[Any], Any] | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> tuple[Any, Any]:
    """Compare the loss of snapshots with that of the points where a picture shows them.

    A path drawn over contours suggests that the loss under it is the training's. It is
    so only as far as these two agree.

    Args:
      loss_fn: params, batch -> mean over the batch; see `slice_1d`.
      snapshots: T pytrees.
      origin: pytree like the snapshots.
      directions: k linearly independent pytrees like the origin.
      batches: pytrees whose leaves have the examples in their first axis.
      prepare: as in `slice_1d`.
      devices: as in `slice_1d`.

    Returns:
      Losses [T] of the snapshots, and losses [T] of their projections; pytrees of them
      if `loss_fn` returns one.

    Raises:
      ValueError: a tree does not fit the origin or is not finite, or the batches are
        empty.
    """
    seen = project(snapshots, origin, directions)
    plane = {
        "origin": origin,
        **{f"direction {i}": tree for i, tree in enumerate(directions)},
    }
    shown = np.insert(seen.coordinates, 0, 1.0, axis=1)
    each = {f"snapshot {t}": tree for t, tree in enumerate(snapshots)}
    return tuple(
        grid.losses(loss_fn, trees, coefficients, batches, prepare, devices=devices)
        for trees, coefficients in ((each, np.eye(len(snapshots))), (plane, shown))
    )


def _check(trees: dict[str, chex.ArrayTree]) -> None:
    """Refuse what cannot be seen on a plane, by the names of messages.

    Raises:
      ValueError: a tree does not fit the first, or is not finite.
    """
    grid.check_alike(trees)
    for name, tree in trees.items():
        leaves = (np.asarray(leaf) for leaf in jax.tree.leaves(tree))
        bad = sum(int(np.sum(~np.isfinite(leaf))) for leaf in leaves)
        if bad:
            raise ValueError(f"{name} has {bad} entries that are not finite numbers")


def _blocks(
    trees: dict[str, chex.ArrayTree], centre: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield the matrix of one row a tree, float64, some columns at a time.

    Less `centre` times all rows, weights of sum 1, if given.
    """
    for leaves in zip(*map(jax.tree.leaves, trees.values()), strict=True):
        rows = [np.ravel(np.asarray(leaf)) for leaf in leaves]
        for start in range(0, rows[0].size, _BLOCK):
            parts = [row[start : start + _BLOCK] for row in rows]
            block = np.stack([np.asarray(part, np.float64) for part in parts])
            yield block if centre is None else block - centre @ block


def _triangle(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Return R, with Q R the transpose of the matrix that the blocks make up."""
    found = None
    for block in blocks:
        rows = block.T if found is None else np.concatenate([found, block.T])
        found = np.linalg.qr(rows, mode="r")
    return found


def _unflatten(row: np.ndarray, like: chex.ArrayTree) -> chex.ArrayTree:
    leaves, structure = jax.tree.flatten(like)
    parts = np.split(row, np.cumsum([leaf.size for leaf in leaves])[:-1])
    return structure.unflatten(
        jnp.asarray(part.reshape(leaf.shape), jnp.asarray(floating.widen(leaf)).dtype)
        for part, leaf in zip(parts, leaves, strict=True)
    )
