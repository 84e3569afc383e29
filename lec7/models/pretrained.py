"""Weights that people already have, put into the variables of a model."""

import collections
import os
import pathlib
import re
from collections.abc import Collection, Mapping
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
    summed: tuple[str, ...] = ()
    """Paths of the stems that take the sum over the file's three colours."""

    def describe(self) -> str:
        """Return what matched and what did not, in one paragraph."""
        leaves = len(self.loaded) + len(self.kept)
        return (
            f"{len(self.loaded)} of {leaves} leaves loaded; "
            f"kept as they were: {', '.join(self.kept) or 'none'}; "
            f"not used: {', '.join(self.unused) or 'none'}"
            + (f"; summed over colours: {', '.join(self.summed)}" * bool(self.summed))
        )


def load_pretrained(
    path: str | os.PathLike,
    variables: Mapping[str, Any],
    *,
    skip: str | None = None,
    prefix: str = "",
    member: int = 0,
    strict: bool = True,
) -> Pretrained:
    """Return the variables of a model with the weights of a file.

    The file is one of

    - `*.safetensors`, a state dict of a ResNet in the names and layouts of torchvision,
      which timm shares: see `torch_state_dict`. Such networks take RGB images in
      [0, 1] less (.485, .456, .406), over (.229, .224, .225);
    - the folder of a checkpoint, `checkpoints/NAME/<step>/` of a run, or
      `checkpoints/NAME/` for the newest, and so of `snapshots/`.

    Pickled files are never loaded. File and model have the same leaves, but for what is
    skipped: a network of another depth would else be loaded in part. Leaves of other
    numeric types are cast to those of the model. A stem for grey images takes the sum
    over the three colours of the file's, which is its output for an image repeated.

    Args:
      path: of the file or folder.
      variables: of the model, as from `initialise`, without an axis of members.
      skip: regular expression, searched for in paths like `params/head/kernel` and in
        names of the file that fit none; where it is found nothing is loaded. `/head/`
        is for other classes than the file's.
      prefix: what names of a state dict, or paths of a checkpoint below `params/`,
        begin with, such as `module.` or `backbone/`; all others are left out.
      member: which network of a checkpoint that holds a population.
      strict: whether leaves that the file lacks, or has besides, are an error unless
        skipped. Otherwise only the result says which they are.

    Raises:
      ValueError: `skip` is not a regular expression, or matches nothing.
      WeightsError: the file cannot be read, no name in it fits, it has other leaves
        than the model or a leaf of another shape, or there is no such member.
    """
    path = pathlib.Path(path)
    leaves = traverse_util.flatten_dict(dict(variables), sep="/")
    if path.is_dir():
        tensors, others = _from_checkpoint(path, leaves, member, prefix)
    else:
        tensors, others = _from_state_dict(path, prefix)
    if not leaves.keys() & tensors.keys():
        names = [tensor.name for tensor in tensors.values()] + others
        raise weight_files.WeightsError(
            f"no name in {path} fits the model: it has {_some(names)}, the model "
            f"{_some(leaves)}; expected weights of this architecture"
            f"{_prefix_remedy(others if prefix else names, leaves)}"
        )
    unused = {leaf: tensors[leaf].name for leaf in tensors if leaf not in leaves}
    skipped = _skipped(skip, [*leaves, *unused, *unused.values()])
    loaded = {
        leaf: _value(leaf, leaves[leaf], tensors[leaf], path)
        for leaf in leaves
        if leaf in tensors and leaf not in skipped
    }
    kept = tuple(leaf for leaf in leaves if leaf not in loaded)
    if strict:
        lacking = [leaf for leaf in kept if leaf not in skipped]
        besides = [
            unused[leaf] for leaf in unused if not {leaf, unused[leaf]} & skipped
        ]
        _require_equal(path, lacking, besides)
    return Pretrained(
        {**variables, **traverse_util.unflatten_dict({**leaves, **loaded}, sep="/")},
        loaded=tuple(loaded),
        kept=kept,
        unused=(*unused.values(), *others),
        summed=tuple(
            leaf for leaf in loaded if tensors[leaf].value.shape != leaves[leaf].shape
        ),
    )


def _skipped(skip: str | None, paths: list[str]) -> set[str]:
    if skip is None:
        return set()
    found = parameter_paths.search(skip, paths, "skip")
    return {path for path, match in zip(paths, found, strict=True) if match}


def _require_equal(path: pathlib.Path, lacking: list[str], besides: list[str]) -> None:
    """Check that file and model have the same leaves.

    Raises:
      WeightsError: they have not.
    """
    if not lacking and not besides:
        return
    parts = [f"it lacks {_some(lacking)}"] if lacking else []
    parts += [f"it has {_some(besides)} besides"] if besides else []
    example = (lacking or besides)[0]
    raise weight_files.WeightsError(
        f"{path} is of another network: {', and '.join(parts)} ({len(lacking)} and "
        f"{len(besides)} leaves); expected those of the model: build the model that "
        f"the file is of, or leave leaves out by a pattern, such as skip='{example}', "
        "or all of these by strict=False"
    )


def _prefix_remedy(names: list[str], leaves: Mapping[str, Any]) -> str:
    """Return the end of a message: the prefix with which most names fit the model."""
    count = collections.Counter(
        name[: match.end()]
        for name in names
        for match in re.finditer(r"[./]", name)
        if torch_state_dict.leaf_path(name[match.end() :], ()) in leaves
        or _below(name, name[: match.end()].partition("/")[2]) in leaves
    )
    for best, _ in count.most_common(1):
        own = best.partition("/")[2] if best.startswith("params/") else best
        return f": its names begin with a prefix, give prefix={own!r}"
    return (
        ": rename its tensors to those of torchvision, as conv1.weight, "
        "layer1.0.conv1.weight and fc.weight, or build the model that it is of"
    )


class _Tensor(NamedTuple):
    name: str  # in the file
    value: np.ndarray  # in our layout


def _from_checkpoint(
    folder: pathlib.Path, leaves: Mapping[str, jax.Array], member: int, prefix: str
) -> tuple[dict[str, _Tensor], list[str]]:
    """Return what a checkpoint has, by our paths, and the names without the prefix.

    Raises:
      WeightsError: there is no such member.
    """
    found = weight_files.read_checkpoint(folder)
    below = {_below(path, prefix): path for path in found}
    others = [path for path in found if _below(path, prefix) is None]
    below.pop(None, None)
    stacked = {
        path
        for path in below
        if path in leaves and found[below[path]].ndim == leaves[path].ndim + 1
    }
    members = min((len(found[below[path]]) for path in stacked), default=1)
    if not 0 <= member < members:
        raise weight_files.WeightsError(
            f"member is {member}; expected 0 to {members - 1}, since {folder} holds "
            f"{members} network{'s' * (members > 1)}"
        )
    tensors = {
        path: _Tensor(name, found[name][member] if path in stacked else found[name])
        for path, name in below.items()
    }
    return tensors, others


def _below(path: str, prefix: str) -> str | None:
    """Return the path of a checkpoint without a prefix below its collection."""
    collection, _, rest = path.partition("/")
    if not rest.startswith(prefix):
        return None
    return f"{collection}/{rest.removeprefix(prefix)}"


def _from_state_dict(
    path: pathlib.Path, prefix: str
) -> tuple[dict[str, _Tensor], list[str]]:
    """Return what a state dict has, by our paths, and the names without the prefix."""
    whole = weight_files.read_safetensors(path)
    tensors = {
        name.removeprefix(prefix): _Tensor(name, torch_state_dict.to_flax_layout(value))
        for name, value in whole.items()
        if name.startswith(prefix) and not name.endswith(torch_state_dict.IGNORED)
    }
    others = [name for name in whole if not name.startswith(prefix)]
    return {
        torch_state_dict.leaf_path(name, tensors) or name: tensor
        for name, tensor in tensors.items()
    }, others


def _value(
    leaf: str, wanted: jax.Array, found: _Tensor, path: pathlib.Path
) -> jax.Array:
    """Return what was found, in the numeric type of the model.

    Raises:
      WeightsError: the shapes differ, and it is not a stem for grey images.
    """
    value = found.value
    if leaf.endswith("/stem/kernel") and value.ndim == 4 and value.shape[2] == 3:
        grey = value.sum(axis=2, keepdims=True, dtype=np.float32)
        value = grey if grey.shape == wanted.shape else value
    if value.shape != wanted.shape:
        alias = "" if found.name == leaf else f", where it is {found.name}"
        raise weight_files.WeightsError(
            f"{leaf} has shape {wanted.shape} in the model and {value.shape} in "
            f"{path}{alias}: build the model with the sizes of the file, or leave this "
            f"leaf as it is by skip='{leaf}'"
        )
    return jnp.asarray(value, wanted.dtype)


def _some(names: Collection[str]) -> str:
    return ", ".join([*names][:3]) + (", ..." if len(names) > 3 else "")
