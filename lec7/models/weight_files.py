"""Files of weights, read without running any code that is in them.

A pickle is a program: a `.pt`, `.pth`, `.bin` or `.npy` of objects can do anything to
the machine that loads it. So only two kinds of file are read: `safetensors`, whose
header is JSON and whose tensors are raw numbers, and the checkpoints of a run, which
are MessagePack beside a manifest with their SHA-256.
"""

import hashlib
import json
import pathlib
import re

import numpy as np
import safetensors
import safetensors.numpy
from flax import serialization, traverse_util

STATE_FILE = "state.msgpack"
MANIFEST_FILE = "manifest.json"
COLLECTIONS = ("params", "batch_stats")


class WeightsError(Exception):
    """A file of weights cannot be read, or does not fit the network."""

    exit_code = 4


def read_safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Return the tensors of a `.safetensors` file by their names.

    Raises:
      WeightsError: it does not exist, is of another kind, or is damaged.
    """
    if not path.exists():
        raise WeightsError(
            f"{path} does not exist; expected a .safetensors file or the folder of a "
            "checkpoint: check the path"
        )
    if path.suffix.lower() != ".safetensors":
        raise WeightsError(
            f"{path} is no .safetensors file; nothing else is loaded, since files such "
            "as .pt, .pth, .bin, .pkl and .npy may hold pickles, which run code: save "
            "the state dict by safetensors.torch.save_file(state_dict, NAME) where you "
            "trust it"
        )
    try:
        return safetensors.numpy.load_file(path)
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{path} is not in the safetensors format ({error}): fetch it again"
        ) from error


def read_checkpoint(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Return `params` and `batch_stats` of a checkpoint by the paths of their leaves.

    The folder is `checkpoints/NAME/<step>/` of a run, or `checkpoints/NAME/` for the
    last, and so of `snapshots/`; the leaves of a population have a leading axis [M].

    Raises:
      WeightsError: there is no checkpoint, it is damaged, or it has no `params`.
    """
    step = _newest(folder)
    payload = (step / STATE_FILE).read_bytes()
    if hashlib.sha256(payload).hexdigest() != _checksum(step / MANIFEST_FILE):
        raise WeightsError(
            f"{step} is damaged; expected a {STATE_FILE} whose SHA-256 is that of its "
            "manifest: restore the folder from a copy, or name another one"
        )
    tree = serialization.msgpack_restore(payload)
    variables = tree.get("state", tree)
    if "params" not in variables:
        raise WeightsError(
            f"{step} has no parameters, but {', '.join(tree)}; expected a checkpoint "
            "of a training"
        )
    found = {name: variables[name] for name in COLLECTIONS if name in variables}
    return traverse_util.flatten_dict(found, sep="/")


def _newest(folder: pathlib.Path) -> pathlib.Path:
    """Return the folder itself or that of its newest step, which has both files.

    Raises:
      WeightsError: there is none.
    """
    steps = (path for path in folder.iterdir() if re.fullmatch(r"\d{8,}", path.name))
    newest = sorted(steps, key=lambda path: int(path.name), reverse=True)
    for path in (folder, *newest):
        if (path / STATE_FILE).is_file() and (path / MANIFEST_FILE).is_file():
            return path
    raise WeightsError(
        f"{folder} holds no checkpoint; expected a folder with {STATE_FILE} and "
        f"{MANIFEST_FILE}, or with folders <step>/ of these: name checkpoints/NAME/ of "
        "a run"
    )


def _checksum(manifest: pathlib.Path) -> str | None:
    """Return the SHA-256 that a manifest names, or None where it is damaged."""
    try:
        return json.loads(manifest.read_bytes())["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
