"""Trained networks by name: their weights, and a card that says where they come from.

A network is a folder of the zoo, `lec7/zoo` in the user's cache folder or the one that
the environment variable `LEC7_ZOO_DIR` names:

  card.json          on what it was trained, how, and how good it is
  weights.msgpack    its variables, by Flax's serialisation
  SHA256SUMS         of both, as `sha256sum --check` reads it

It is written beside its place and renamed when it is whole, and read only when both
sums agree. A name is one plain component of a path, and nothing but a network of the
zoo is ever replaced.
"""

import dataclasses
import difflib
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import serialization

from lec7 import files
from lec7.train import checkpoint, divergence

CARD, WEIGHTS, SUMS = "card.json", "weights.msgpack", "SHA256SUMS"
_REMEDY = (
    "Restore the folder from a copy, or delete it and train the network anew by "
    "--experiment=pretrain"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of M networks that differ in their seeds; JSON's types only."""

    dataset: str  # on which they were trained
    num_classes: int  # of it
    image_shape: Sequence[int]  # (H, W, C)
    mean: Sequence[float]  # of each channel, which is taken from it, [C]
    std: Sequence[float]  # of each channel, by which it is then divided, [C]
    architecture: str  # name of the model's class
    fields: Mapping[str, Any]  # of the model, its number of classes aside
    seeds: Sequence[int]  # M of them
    accuracy: Mapping[str, Sequence[float]]  # split -> [M], from 0 to 1
    config: Mapping[str, Any]  # of the training
    commit: str  # of the code that trained them


class Network(NamedTuple):
    """M trained networks as they are in the zoo."""

    variables: Mapping[str, Any]
    """`params` and `batch_stats`, leaves [M, ...]."""
    card: Card


def network_folder(name: str) -> pathlib.Path:
    """Return where a network of the zoo is, or would be.

    Args:
      name: of the network.

    Returns:
      The folder, which need not exist.

    Raises:
      ValueError: the name is not one plain component of a path.
    """
    files.require_name(name, "the network's name")
    chosen = os.environ.get("LEC7_ZOO_DIR")
    if not chosen:  # an empty variable counts as none
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        chosen = pathlib.Path(cache, "lec7", "zoo")
    return pathlib.Path(chosen).expanduser() / name


def save_network(name: str, network: Network) -> pathlib.Path:
    """Write a network, in place of one of that name if there is one.

    Args:
      name: one plain component of a path.
      network: what to write.

    Returns:
      Its folder.

    Raises:
      ValueError: the name is not plain.
      DivergedError: a weight or an accuracy is not finite; nothing is written.
      CheckpointError: what stands in its place is not a network of the zoo; it is left
        as it is.
      OSError: the disk is full, or the folder may not be written.
    """
    folder = network_folder(name)
    _require_ours(folder)
    variables = jax.tree.map(np.asarray, network.variables)
    _require_finite(name, variables, network.card)
    card = json.dumps(dataclasses.asdict(network.card), indent=2, allow_nan=False)
    content = {CARD: f"{card}\n".encode(), WEIGHTS: serialization.to_bytes(variables)}
    sums = "".join(f"{_sum(payload)}  {file}\n" for file, payload in content.items())
    files.write_folder(folder, content | {SUMS: sums.encode()})
    return folder


def load_network(name: str) -> Network:
    """Read a network whose files are what was written, to the bit.

    Args:
      name: of the network.

    Returns:
      The network, its variables as arrays of the host.

    Raises:
      ValueError: the name is not plain.
      CheckpointError: there is none of this name, or a file of it is missing or
        damaged; the message says which, and what to do.
    """
    folder = network_folder(name)
    files.recover(folder)
    if not folder.is_dir():
        raise checkpoint.CheckpointError(_missing(name, folder))
    sums = _read(folder, SUMS).decode(errors="replace").splitlines()
    content = {}
    for file in (CARD, WEIGHTS):
        content[file] = _read(folder, file)
        if f"{_sum(content[file])}  {file}" not in sums:
            raise checkpoint.CheckpointError(
                f"{folder / file} is damaged: its SHA-256 is not the one in {SUMS}. "
                f"{_REMEDY}"
            )
    card = _card(folder / CARD, content[CARD])
    return Network(serialization.msgpack_restore(content[WEIGHTS]), card)


def _card(path: pathlib.Path, content: bytes) -> Card:
    """Return a card of this version; what another one says might change the network.

    Raises:
      CheckpointError: it has other fields.
    """
    try:
        fields = dict(json.loads(content))
    except (TypeError, ValueError) as error:
        raise checkpoint.CheckpointError(
            f"{path} is damaged ({error}). {_REMEDY}"
        ) from error
    known = {field.name for field in dataclasses.fields(Card)}
    if fields.keys() != known:
        more = ", ".join(sorted(fields.keys() - known)) or "nothing"
        less = ", ".join(sorted(known - fields.keys())) or "nothing"
        raise checkpoint.CheckpointError(
            f"{path} is of another version of lec7: it has {more} besides, and lacks "
            f"{less}. Read it by the version that wrote it, commit "
            f"{fields.get('commit', 'unknown')}, or train the "
            "network anew by --experiment=pretrain"
        )
    return Card(**fields)


def _require_finite(name: str, variables: Mapping[str, Any], card: Card) -> None:
    """Refuse a network that has exploded.

    Raises:
      DivergedError: something of it is not finite.
    """
    named = {f"accuracy on {of} is": values for of, values in card.accuracy.items()}
    named["weights are"] = variables
    for part, tree in named.items():
        for leaf in map(np.asarray, jax.tree.leaves(tree)):
            number = jnp.issubdtype(leaf.dtype, jnp.inexact)
            if number and not np.isfinite(leaf).all():
                raise divergence.DivergedError(
                    f"network {name!r} has diverged: its {part} not finite, so "
                    "it is not written to the zoo: lower the learning rate"
                )


def _require_ours(folder: pathlib.Path) -> None:
    """Refuse to replace what is not a network of the zoo.

    Raises:
      CheckpointError: it is a link or a file, it holds other files, or the list of sums
        that marks it as a network is missing.
    """
    try:
        files.require_ours(folder, (CARD, WEIGHTS, SUMS))
    except files.NotOursError as error:
        raise checkpoint.CheckpointError(
            f"{error}; it is not a network of the zoo: choose another name"
        ) from error
    sums = folder / SUMS
    listed = sums.read_text(errors="replace") if sums.exists() else ""
    if any(folder.glob("*")) and not (CARD in listed and WEIGHTS in listed):
        raise checkpoint.CheckpointError(
            f"{folder} has no {SUMS} of a network, so it is not a network of the zoo; "
            "it is left as it is: choose another name"
        )


def _read(folder: pathlib.Path, file: str) -> bytes:
    try:
        return (folder / file).read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise checkpoint.CheckpointError(
            f"{folder / file} is missing, or no file. {_REMEDY}"
        ) from error


def _missing(name: str, folder: pathlib.Path) -> str:
    """Return the message that there is no such network."""
    known = [path.parent.name for path in folder.parent.glob(f"*/{CARD}")]
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0)
    there = f"there are {', '.join(nearest)}" if nearest else "there is none yet"
    return (
        f"there is no network {name!r} in {folder.parent}, where {there}: train it by "
        "--experiment=pretrain"
    )


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
