"""Checkpoints that are whole or absent, and trusted only when their checksum agrees.

A checkpoint is a folder `<step>/` that holds `state.msgpack` (Flax's serialisation,
deterministic to the byte) and `manifest.json` with its length and SHA-256. It is
renamed to its place when both files are on the disk, so a killed process leaves the
whole checkpoint or none. Restoring takes the newest valid one.
"""

import contextlib
import hashlib
import json
import operator
import os
import pathlib
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from flax import serialization, traverse_util

from lec7 import arguments, files

STATE_FILE = "state.msgpack"
MANIFEST_FILE = "manifest.json"
_FILES = (STATE_FILE, MANIFEST_FILE)
_SUMS = ("step", "bytes", "sha256")  # of a manifest
_REDUCED = "networks alone"  # in a manifest: `reduce` has taken the rest away
_NETWORKS = ("params", "batch_stats", "step")


class CheckpointError(Exception):
    """No checkpoint of a folder can be trusted, or it is of another network."""

    exit_code = 4


def save(
    folder: str | os.PathLike,
    state: Any,
    *,
    step: SupportsIndex,
    keep: int | None = 2,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write one checkpoint and remove all but the newest ones.

    Args:
      folder: where the checkpoints of one training are.
      state: a pytree of arrays and numbers, such as Flax's `TrainState`, `nnx.State`
        or an Equinox module; typed keys are allowed.
      step: number of updates made, the checkpoint's name; an integer of Python, of
        NumPy or of JAX.
      keep: number of checkpoints to keep, >= 1, or None for all. The one just written
        is among them, also where others are of later steps.
      about: what else the manifest says of it.

    Raises:
      ValueError: `step` is not an integer >= 0, or `keep` none >= 1.
      OSError: the disk is full, the folder may not be written, or one in the place of
        the checkpoint holds other files.
    """
    folder, step = pathlib.Path(folder), _integer("step", step, least=0)
    if keep is not None:
        keep = _integer("keep", keep, least=1)
    payload = serialization.to_bytes(_plain(state))
    manifest = {
        "step": step,
        "bytes": len(payload),
        "sha256": hashlib.sha256(payload).hexdigest(),
        **(about or {}),
    }
    content = (payload, json.dumps(manifest, indent=1).encode())
    files.write_folder(folder / f"{step:08d}", dict(zip(_FILES, content, strict=True)))
    others = [path for path in _steps(folder) if int(path.name) != step]
    for old in [] if keep is None else others[keep - 1 :]:
        with contextlib.suppress(files.NotOursError):  # and which may stay
            files.remove_folder(old, _FILES)


def _integer(name: str, value: Any, *, least: int) -> int:
    """Return an integer of any library as Python's.

    Raises:
      ValueError: it is none, or too small.
    """
    try:
        value = operator.index(value)
    except TypeError:
        arguments.require(False, name, value, f"an integer >= {least}")
    arguments.require_counts(least=least, **{name: value})
    return value


def restore_latest(folder: str | os.PathLike, like: Any) -> Any | None:
    """Return the newest valid checkpoint of a folder, or None when it holds none.

    A newer one that is incomplete or damaged is set aside under the name
    `<step>.damaged`, with a warning.

    Args:
      folder: where the checkpoints of one training are.
      like: a state of the same structure, shapes and dtypes; numbers of Python stand
        for JAX's int32 and float32.

    Raises:
      CheckpointError: all are damaged, or the newest has other leaves, or a leaf of
        another shape or dtype.
    """
    return restore_told(pathlib.Path(folder), like)[0]


def restore_told(folder: pathlib.Path, like: Any) -> tuple[Any | None, dict[str, Any]]:
    """Return what `restore_latest` does, and the checkpoint's manifest.

    Raises:
      CheckpointError: as there.
    """
    found = newest(folder)
    if found is None:
        return None, {}
    return restored(found, like), found.manifest


class Found(NamedTuple):
    """A checkpoint whose checksum agrees."""

    path: pathlib.Path
    payload: bytes
    manifest: dict[str, Any]


def newest(folder: pathlib.Path) -> Found | None:
    """Return the newest valid checkpoint of a folder, and set damaged ones aside.

    Raises:
      CheckpointError: all are damaged, or the newest has the networks alone.
    """
    damaged = []
    for path in _steps(folder):
        verified = _verified(path)
        if verified is not None:
            _require_whole(path, verified[1])
            _set_aside(damaged)
            return Found(path, *verified)
        damaged.append(path)
    if damaged:
        raise CheckpointError(
            f"all checkpoints in {folder} are damaged; expected one whose SHA-256 is "
            "its manifest's: restore the folder from a copy, or delete it to start anew"
        )
    return None


def restore(
    folder: str | os.PathLike,
    like: Any,
    *,
    step: SupportsIndex,
    training: str | None = None,
) -> Any:
    """Return one checkpoint of a folder, a state like a given one.

    Raises:
      CheckpointError: it is missing or damaged, its manifest names another training
        than the given one, or it has other leaves, or a leaf of another shape or dtype.
    """
    path = pathlib.Path(folder) / f"{operator.index(step):08d}"
    files.recover(path)
    verified = _verified(path)
    if verified is None:
        raise CheckpointError(
            f"checkpoint {path} is missing or damaged; expected one whose SHA-256 is "
            "its manifest's: restore it from a copy, or delete the run's folder to "
            "start anew"
        )
    _require_whole(path, verified[1])
    require_training(path, verified[1], training)
    return restored(Found(path, *verified), like)


def _require_whole(path: pathlib.Path, manifest: Mapping[str, Any]) -> None:
    if manifest.get(_REDUCED):
        raise CheckpointError(
            f"{path} has the networks of a finished run alone; expected the state of "
            "the update rule too: read it by lec7.models.load_pretrained"
        )


def require_training(
    path: pathlib.Path, manifest: Mapping[str, Any], training: str | None
) -> None:
    """Refuse the checkpoint of another training; old ones do not name theirs.

    Raises:
      CheckpointError: the manifest names another one.
    """
    held = manifest.get("training", training)
    if training is not None and held != training:
        raise CheckpointError(
            f"{path} is of another training ({str(held)[:12]}; expected "
            f"{training[:12]}): restore it from a copy, or delete the run's folder to "
            "start anew"
        )


def remove(folder: pathlib.Path, *, step: int) -> None:
    """Remove one checkpoint, if it is there."""
    with contextlib.suppress(files.NotOursError):
        files.remove_folder(folder / f"{step:08d}", _FILES)


def remove_all(folder: pathlib.Path) -> None:
    """Remove every checkpoint of a folder."""
    for path in _steps(folder):
        remove(folder, step=int(path.name))


def reduce(folder: pathlib.Path) -> None:
    """Leave of the checkpoints of a training the networks of the last, if it is whole.

    Raises:
      OSError: the folder may not be written.
    """
    verified = _verified(_steps(folder)[0]) if _steps(folder) else None
    if verified is None:
        return
    payload, manifest = verified
    state = serialization.msgpack_restore(payload).get("state", {})
    if not manifest.get(_REDUCED) and "params" in state:
        kept = {name: state[name] for name in _NETWORKS if name in state}
        about = {k: v for k, v in manifest.items() if k not in _SUMS} | {_REDUCED: True}
        save(folder, {"state": kept}, step=manifest["step"], keep=1, about=about)


def drop_reduced(folder: pathlib.Path) -> None:
    """Remove what `reduce` has left, from which no training goes on."""
    for path in _steps(folder):
        verified = _verified(path)
        if verified is not None and verified[1].get(_REDUCED):
            remove(folder, step=int(path.name))


def _steps(folder: pathlib.Path) -> list[pathlib.Path]:
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if re.fullmatch(r"\d{8,}", path.name)]
    return sorted(named, key=lambda path: int(path.name), reverse=True)


def _verified(path: pathlib.Path) -> tuple[bytes, dict[str, Any]] | None:
    """Return the state and the manifest of a whole checkpoint."""
    try:
        payload = (path / STATE_FILE).read_bytes()
        manifest = json.loads((path / MANIFEST_FILE).read_bytes())
        expected = (manifest["step"], manifest["bytes"], manifest["sha256"])
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        return None
    found = (int(path.name), len(payload), hashlib.sha256(payload).hexdigest())
    return (payload, manifest) if found == expected else None


def _set_aside(damaged: list[pathlib.Path]) -> None:
    for path in damaged:
        aside = path.with_name(f"{path.name}.damaged")
        files.remove_folder(aside, _FILES)
        path.rename(aside)
        warnings.warn(f"a damaged checkpoint was set aside as {aside}", stacklevel=3)


def restored(checkpoint: Found, like: Any) -> Any:
    """Return what a checkpoint holds, as a state like a given one.

    Raises:
      CheckpointError: it has other leaves, or a leaf of another shape or dtype.
    """
    path, template = checkpoint.path, _plain(like)
    found = serialization.msgpack_restore(checkpoint.payload)
    remedy = "use another --workdir, or the configuration that wrote it"
    try:
        state = serialization.from_state_dict(template, found)
    except ValueError as error:
        raise CheckpointError(
            f"checkpoint {path} is not of this network or update rule ({error}): "
            f"{remedy}"
        ) from error
    # Flax passes over what the file has besides.
    wanted = serialization.to_state_dict(template)
    if besides := sorted(_paths(found) - _paths(wanted)):
        raise CheckpointError(
            f"checkpoint {path} is not of this network or update rule (it has "
            f"{', '.join(besides[:3])} besides): {remedy}"
        )
    expected = jax.tree_util.tree_leaves_with_path(template)
    for (name, wanted), got in zip(expected, jax.tree.leaves(state), strict=True):
        if (wanted.shape, wanted.dtype) != (np.shape(got), np.asarray(got).dtype):
            raise CheckpointError(
                f"checkpoint {path} has {np.asarray(got).dtype}{np.shape(got)} at "
                f"{jax.tree_util.keystr(name)}; expected {wanted.dtype}{wanted.shape}: "
                f"{remedy}"
            )
    leaves, structure = jax.tree.flatten(like)
    return structure.unflatten(map(_as_before, leaves, jax.tree.leaves(state)))


def _paths(tree: Any) -> set[str]:
    if not isinstance(tree, dict):
        return {""}
    return set(traverse_util.flatten_dict(tree, sep="/"))


def _is_key(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", None)
    return dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)


def _plain(state: Any) -> Any:
    """Return a state as containers that Flax serialises, of arrays of the host."""

    def array(leaf):
        if isinstance(leaf, bool | int | float | complex):
            leaf = jnp.asarray(leaf)
        return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)

    def container(node):
        if _is_of("flax.nnx", "State", node):
            node = sys.modules["flax.nnx"].to_pure_dict(node)
        elif _is_of("equinox", "Module", node):
            node = jax.tree.leaves(node)
        return jax.tree.map(array, node)

    def is_foreign(node):
        return _is_of("flax.nnx", "State", node) or _is_of("equinox", "Module", node)

    return jax.tree.map(container, state, is_leaf=is_foreign)


def _is_of(library: str, kind: str, node: Any) -> bool:
    """Return whether a node is of a class of a library, which may not be in use."""
    module = sys.modules.get(library)
    return module is not None and isinstance(node, getattr(module, kind))


def _as_before(like: Any, leaf: np.ndarray) -> Any:
    """Return a leaf as a typed key or a number of Python where it was one."""
    if isinstance(like, bool | int | float | complex):
        return leaf.item()
    if not _is_key(like):
        return leaf
    return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like))
