"""Checkpoints that are whole or absent, and trusted only when their checksum agrees.

A checkpoint is a folder `<step>/` that holds `state.msgpack` (Flax's serialisation,
deterministic to the byte) and `manifest.json` with its length and SHA-256. It is
renamed to its place when both files are on the disk, so a killed process leaves the
whole checkpoint or none. Restoring takes the newest valid one.
"""

import contextlib
import hashlib
import json
import pathlib
import re
import warnings
from typing import Any

import jax
import numpy as np
from flax import serialization

from lec7 import files

STATE_FILE = "state.msgpack"
MANIFEST_FILE = "manifest.json"
_FILES = (STATE_FILE, MANIFEST_FILE)


class CheckpointError(Exception):
    """No checkpoint of a folder can be trusted, or it is of another network."""

    exit_code = 4


def save(folder: pathlib.Path, state: Any, *, step: int, keep: int | None = 2) -> None:
    """Write one checkpoint and remove all but the newest ones.

    Args:
      folder: where the checkpoints of one training are.
      state: a pytree of arrays; typed keys are allowed.
      step: number of updates made, the checkpoint's name.
      keep: number of checkpoints to keep, >= 1, or None for all.

    Raises:
      OSError: the disk is full, the folder may not be written, or one in the place of
        the checkpoint holds other files.
    """
    payload = serialization.to_bytes(_without_typed_keys(state))
    manifest = {
        "step": step,
        "bytes": len(payload),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    content = (payload, json.dumps(manifest, indent=1).encode())
    files.write_folder(folder / f"{step:08d}", dict(zip(_FILES, content, strict=True)))
    for old in [] if keep is None else _steps(folder)[keep:]:
        with contextlib.suppress(files.NotOursError):  # and which may stay
            files.remove_folder(old, _FILES)


def restore_latest(folder: pathlib.Path, like: Any) -> Any | None:
    """Return the newest valid checkpoint of a folder, or None when it holds none.

    A newer one that is incomplete or damaged is set aside under the name
    `<step>.damaged`, with a warning.

    Args:
      folder: where the checkpoints of one training are.
      like: a state of the same structure, shapes and dtypes.

    Raises:
      CheckpointError: all are damaged, or a leaf has another shape or dtype.
    """
    damaged = []
    for path in _steps(folder):
        payload = _verified(path)
        if payload is not None:
            _set_aside(damaged)
            return _restored(payload, like, path)
        damaged.append(path)
    if damaged:
        raise CheckpointError(
            f"all checkpoints in {folder} are damaged; expected one whose SHA-256 is "
            "its manifest's: restore the folder from a copy, or delete it to start anew"
        )
    return None


def restore(folder: pathlib.Path, like: Any, *, step: int) -> Any:
    """Return one checkpoint of a folder, a state like a given one.

    Raises:
      CheckpointError: it is missing or damaged, or a leaf has another shape or dtype.
    """
    path = folder / f"{step:08d}"
    files.recover(path)
    payload = _verified(path)
    if payload is None:
        raise CheckpointError(
            f"checkpoint {path} is missing or damaged; expected one whose SHA-256 is "
            "its manifest's: restore it from a copy, or delete the run's folder to "
            "start anew"
        )
    return _restored(payload, like, path)


def _steps(folder: pathlib.Path) -> list[pathlib.Path]:
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if re.fullmatch(r"\d{8,}", path.name)]
    return sorted(named, key=lambda path: int(path.name), reverse=True)


def _verified(path: pathlib.Path) -> bytes | None:
    try:
        payload = (path / STATE_FILE).read_bytes()
        manifest = json.loads((path / MANIFEST_FILE).read_bytes())
        expected = (manifest["step"], manifest["bytes"], manifest["sha256"])
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        return None
    found = (int(path.name), len(payload), hashlib.sha256(payload).hexdigest())
    return payload if found == expected else None


def _set_aside(damaged: list[pathlib.Path]) -> None:
    for path in damaged:
        aside = path.with_name(f"{path.name}.damaged")
        files.remove_folder(aside, _FILES)
        path.rename(aside)
        warnings.warn(f"a damaged checkpoint was set aside as {aside}", stacklevel=3)


def _restored(payload: bytes, like: Any, path: pathlib.Path) -> Any:
    template = _without_typed_keys(like)
    try:
        state = serialization.from_bytes(template, payload)
    except ValueError as error:
        raise CheckpointError(
            f"checkpoint {path} is not of this network or update rule ({error}): use "
            "another --workdir, or the configuration that wrote it"
        ) from error
    expected = jax.tree_util.tree_leaves_with_path(template)
    for (name, wanted), got in zip(expected, jax.tree.leaves(state), strict=True):
        if (wanted.shape, wanted.dtype) != (np.shape(got), np.asarray(got).dtype):
            raise CheckpointError(
                f"checkpoint {path} has {np.asarray(got).dtype}{np.shape(got)} at "
                f"{jax.tree_util.keystr(name)}; expected {wanted.dtype}{wanted.shape}: "
                "use another --workdir, or the configuration that wrote it"
            )
    return jax.tree.map(_typed_again, like, state)


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_typed_keys(state: Any) -> Any:
    def data(leaf):
        return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)

    return jax.tree.map(data, state)


def _typed_again(like: Any, leaf: np.ndarray) -> Any:
    if not _is_key(like):
        return leaf
    return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like))
