"""Chunks of a slice, on the disk as soon as they are done.

A slice that was killed goes on from its last chunk and ends in the same bits. The file
is the SHA-256 of what follows, and then the finished points as an `.npz`. It is
replaced in one step, so it is never half written.
"""

import functools
import hashlib
import io
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import chex
import jax
import numpy as np

from lec7 import files, hosts, signals


def evaluate(
    evaluate: Callable[[int, int], Any],
    count: int,
    size: int,
    path: pathlib.Path,
    digest: str,
    shared: bool = False,
) -> Any:
    """Evaluate points in chunks, except those that a file has already.

    The first point is evaluated in any case: a loss that has changed in its code, of
    which no digest can be taken, shows there.

    Args:
      evaluate: start, stop -> what the points from start to stop have, leaves [A].
      count: of the points.
      size: of a chunk.
      path: of the file.
      digest: of all that the points depend on.
      shared: whether several hosts evaluate the points together; then the first alone
        reads and writes the file.

    Returns:
      What all the points have, a pytree with leaves [count].

    Raises:
      DamagedError: the file is of another slice, or it is damaged; a ValueError.
    """
    first, structure = jax.tree.flatten(evaluate(0, 1))
    make = functools.partial(_read, path, digest, count, len(first))
    found = hosts.from_first(make) if shared else make()
    if found is not None:
        _check_first(path, first, found)
    leaves = first if found is None else found
    while (done := len(leaves[0])) < count:
        signals.check()
        stop = min(count, done - done % size + size)
        new = jax.tree.leaves(evaluate(done, stop))
        leaves = [np.concatenate(pair) for pair in zip(leaves, new, strict=True)]
        if not shared or hosts.is_first():
            _write(path, digest, leaves)
    return structure.unflatten(leaves)


def require_whole(folder: pathlib.Path) -> None:
    """Check the files of slices in a folder, before anything is computed for them.

    Args:
      folder: holds them and nothing else, and need not exist.

    Raises:
      DamagedError: one is damaged.
    """
    for path in sorted(folder.glob("[!.]*")):
        files.read_sealed(path, "slice")


def join(evaluate: Callable[[int, int], Any], count: int, size: int) -> Any:
    """Return what points evaluated in chunks have; the arguments as for `evaluate`."""
    parts = [
        evaluate(start, min(count, start + size)) for start in range(0, count, size)
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def digest(
    ends: chex.ArrayTree,
    coefficients: np.ndarray,
    batches: Iterable[chex.ArrayTree],
    fn: chex.ArrayTree,
) -> str:
    """Return the SHA-256 of all that the points of a slice depend on, but for code.

    It is of the paths, dtypes, shapes and values of the leaves of pytrees, whose arrays
    may be typed PRNG keys. Batches are read in one pass, as JAX would hold them.

    Args:
      ends: trees that are combined.
      coefficients: of the points.
      batches: of the examples.
      fn: the loss.
    """
    total = hashlib.sha256()
    for place, part in enumerate((ends, coefficients, None, fn)):
        if place == 2:
            for index, batch in enumerate(batches):
                _add(total, f"[2][{index}]", batch, as_held=True)
        else:
            _add(total, f"[{place}]", part)
    return total.hexdigest()


def _add(total: Any, name: str, tree: chex.ArrayTree, *, as_held: bool = False) -> None:
    for path, leaf in jax.tree.leaves_with_path(tree):
        dtype = jax.numpy.result_type(leaf)
        is_key = jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)
        values = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
        if as_held and not is_key:
            values = values.astype(dtype, copy=False)
        total.update(f"{name}{jax.tree_util.keystr(path)} ".encode())
        total.update(f"{values.dtype} {values.shape} ".encode())
        total.update(values.tobytes())


def _read(
    path: pathlib.Path, digest: str, count: int, leaves: int
) -> list[np.ndarray] | None:
    if not path.exists():
        return None
    with np.load(
        io.BytesIO(files.read_sealed(path, "slice")), allow_pickle=False
    ) as file:
        written, *found = (file[name] for name in file.files)
    alike = len(found) == leaves and all(len(leaf) <= count for leaf in found)
    if written != digest or not alike:
        raise files.DamagedError(
            f"{path} has the slice of other parameters, directions, coordinates or "
            "examples: give another path, or delete it"
        )
    return found


def _check_first(
    path: pathlib.Path, first: list[np.ndarray], found: list[np.ndarray]
) -> None:
    for now, then in zip(first, found, strict=True):
        if not np.array_equal(now[0], then[0], equal_nan=True):
            raise files.DamagedError(
                f"the first point of the slice is {then[0]} in {path} and {now[0]} "
                "now, so another loss, machine or version of JAX wrote it: give "
                "another path, or delete it"
            )


def _write(path: pathlib.Path, digest: str, leaves: list[np.ndarray]) -> None:
    file = io.BytesIO()
    np.savez(file, digest, *leaves)
    files.write_sealed(path, file.getvalue())
