"""Weights that people already have, put into the variables of a model."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from lec7 import parameter_paths
from lec7.models import torch_state_dict, weight_files


class Pretrained(NamedTuple):
    """Variables of a model, and where each of its leaves is from."""

    variables: dict[str, Any]
    """`params` and `batch_stats`, as they were given but for the leaves loaded."""
    loaded: tuple[str, ...]
    """Paths of the leaves that the file has."""
    kept: tuple[str, ...]
    """Paths of the leaves that it lacks, or that were skipped."""
    unused: tuple[str, ...]
    """Names in the file that fit no leaf."""

    def describe(self) -> str:
        """Return what matched and what did not, in one paragraph."""
        leaves = len(self.loaded) + len(self.kept)
        return (
            f"{len(self.loaded)} of {leaves} leaves loaded; "
            f"kept as they were: {', '.join(self.kept) or 'none'}; "
            f"not used: {', '.join(self.unused) or 'none'}"
        )


def load_pretrained(
    path: str | os.PathLike,
    variables: Mapping[str, Any],
    *,
    skip: str | None = None,
    member: int = 0,
) -> Pretrained:
    """Return the variables of a model with the weights of a file.

    The file is one of

    - `*.safetensors`, a state dict of a ResNet in the names and layouts of torchvision,
      which timm shares: see `torch_state_dict`. Such networks take RGB images in
      [0, 1] less (.485, .456, .406), over (.229, .224, .225);
    - the folder of a checkpoint, `checkpoints/NAME/<step>/` of a run, or
      `checkpoints/NAME/` for the newest, and so of `snapshots/`.

    Pickled files are never loaded. Leaves that the file lacks stay as they are, and the
    result says which; leaves of other numeric types are cast to those of the model.

    Args:
      path: of the file or folder.
      variables: of the model, as from `initialise`, without an axis of members.
      skip: regular expression, searched for in paths like `params/head/kernel`; where
        it is found nothing is loaded. `/head/` is for other classes than the file's.
      member: which network of a checkpoint that holds a population.

    Raises:
      ValueError: `skip` is not a regular expression, or matches no leaf of the model.
      WeightsError: the file cannot be read, no name in it fits, a shape is not the
        model's, or there is no such member.
    """
    path = pathlib.Path(path)
    leaves = traverse_util.flatten_dict(dict(variables), sep="/")
    skipped = [False] * len(leaves)
    if skip is not None:
        skipped = parameter_paths.search(skip, leaves, "skip")
    if path.is_dir():
        tensors = _from_checkpoint(path, leaves, member)
    else:
        tensors = _from_state_dict(path)
    if not leaves.keys() & tensors.keys():
        raise weight_files.WeightsError(
            f"no name in {path} fits the model: it has {_some(tensors)}, the model "
            f"{_some(leaves)}; expected weights of this architecture"
        )
    loaded = {
        leaf: _value(leaf, leaves[leaf], tensors[leaf], path)
        for leaf, skip_it in zip(leaves, skipped, strict=True)
        if leaf in tensors and not skip_it
    }
    return Pretrained(
        {**variables, **traverse_util.unflatten_dict({**leaves, **loaded}, sep="/")},
        loaded=tuple(loaded),
        kept=tuple(leaf for leaf in leaves if leaf not in loaded),
        unused=tuple(tensors[leaf].name for leaf in tensors if leaf not in leaves),
    )


class _Tensor(NamedTuple):
    name: str  # in the file
    value: np.ndarray  # in our layout


def _from_checkpoint(
    folder: pathlib.Path, leaves: Mapping[str, jax.Array], member: int
) -> dict[str, _Tensor]:
    """Return what the checkpoint of a network or a population has, by our paths.

    Raises:
      WeightsError: there is no such member.
    """

    def value(path, found):
        if path not in leaves or found.ndim != leaves[path].ndim + 1:
            return found
        if not 0 <= member < len(found):
            raise weight_files.WeightsError(
                f"member is {member}; expected 0 to {len(found) - 1}, since {folder} "
                f"holds {len(found)} networks"
            )
        return found[member]

    return {
        path: _Tensor(path, value(path, found))
        for path, found in weight_files.read_checkpoint(folder).items()
    }


def _from_state_dict(path: pathlib.Path) -> dict[str, _Tensor]:
    """Return what a state dict has, by our paths where there is one."""
    tensors = weight_files.read_safetensors(path)
    return {
        torch_state_dict.leaf_path(name, tensors) or name: _Tensor(
            name, torch_state_dict.to_flax_layout(tensor)
        )
        for name, tensor in tensors.items()
        if not name.endswith(torch_state_dict.IGNORED)
    }


def _value(
    leaf: str, wanted: jax.Array, found: _Tensor, path: pathlib.Path
) -> jax.Array:
    """Return what was found, in the numeric type of the model.

    Raises:
      WeightsError: the shapes differ.
    """
    if found.value.shape != wanted.shape:
        alias = "" if found.name == leaf else f", where it is {found.name}"
        raise weight_files.WeightsError(
            f"{leaf} has shape {wanted.shape} in the model and {found.value.shape} in "
            f"{path}{alias}: build the model with the sizes of the file, or leave this "
            f"leaf as it is by skip='{leaf}'"
        )
    return jnp.asarray(found.value, wanted.dtype)


def _some(names: Mapping[str, Any]) -> str:
    return ", ".join([*names][:3]) + (", ..." if len(names) > 3 else "")
