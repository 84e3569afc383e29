"""Whether a folder holds this training, or another one.

What makes a training another one: data, seeds, batch size, the trees of its networks
and of its rule's state. Where the same code resumes it, on the same kind of device, its
start must also be the same to the bit, and its step the same program: another learning
rate, loss or augmentation shows there. Other code resumes with a warning.
"""

import functools
import hashlib
import importlib.metadata
import json
import pathlib
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from lec7 import files, hosts, parameter_paths
from lec7.train import checkpoint
from lec7.train import state as states
from lec7.train import step as steps

FILE = "training.json"
_MODULES = ("jax", "jaxlib", "flax", "optax", "numpy")
_NAMES = {"start": "starting point", "step": "step (model, rule, rates, loss, noise)"}
_PACKAGE = pathlib.Path(__file__).parent.parent


def of(
    start: states.TrainState,
    digest: str,
    seeds: Sequence[int],
    batch_size: int,
    step: steps.Step,
    batch: Any,
) -> dict[str, Any]:
    """Return what makes a training another one; the batch is that of one member."""

    def shapes(tree):
        paths, leaves, _ = parameter_paths.flatten(tree)
        return {
            path: f"{leaf.dtype}{list(leaf.shape)}"
            for path, leaf in zip(paths, leaves, strict=True)
            if hasattr(leaf, "dtype")
        }

    return {
        "data": digest,
        "seeds": list(map(int, seeds)),
        "batch_size": batch_size,
        "parameters": shapes(start.params),
        "rule": shapes(start.opt_state),
        "code": _code(),
        "start": _values(start),
        "step": _program(step, start, batch),
    }


def require_alike(identity: dict[str, Any]) -> None:
    """Check that all hosts begin the same training.

    Raises:
      ValueError: another host has other data, code or arguments.
    """
    key = hosts.first_differing(identity)
    if key is not None:
        raise ValueError(
            f"the hosts differ in the training's {_NAMES.get(key, key)}; expected the "
            "same data, code and kind of device on each, and the same command"
        )


def require(
    folder: pathlib.Path, name: str, identity: dict[str, Any], *, resume: bool
) -> str:
    """Check that a folder holds no training of this name, or this one, and mark it.

    Returns:
      The SHA-256 of the identity with which the training began.

    Raises:
      ValueError: the name is not plain.
      CheckpointError: the folder holds another training of this name, or it holds one
        and `resume` is false.
    """
    path = folder / "checkpoints" / files.require_name(name) / FILE
    if not path.exists():
        files.write(path, f"{json.dumps(identity, indent=1)}\n".encode())
        return _digest(identity)
    try:
        held = json.loads(path.read_bytes())
        kept = held.items()
    except (ValueError, AttributeError, IsADirectoryError) as error:
        raise checkpoint.CheckpointError(
            f"{path} is damaged ({error}): restore it from a copy, or delete "
            f"{path.parent} to start anew"
        ) from error
    differing = [key for key in identity if held.get(key) != identity[key]]
    if "code" in differing:
        _warn_of_other_code(folder, name, held.get("code"), identity["code"])
        differing = [key for key in differing if key not in ("code", "start", "step")]
    if differing:
        key = differing[0]
        raise checkpoint.CheckpointError(
            f"{folder} holds another training {name!r}: its {_NAMES.get(key, key)} "
            f"differs ({_shown(held.get(key))}; expected {_shown(identity[key])}): use "
            "another folder or name"
        )
    if not resume:
        raise checkpoint.CheckpointError(
            f"{folder} holds a training {name!r}, and resume is False: use another "
            "folder or name"
        )
    return _digest(dict(kept))


def _warn_of_other_code(folder: pathlib.Path, name: str, held: Any, now: Any) -> None:
    held = held if isinstance(held, Mapping) else {}
    changes = [f"{k} {held.get(k)} -> {v}" for k, v in now.items() if held.get(k) != v]
    warnings.warn(
        f"training {name!r} in {folder} was begun by other code, and goes on by this: "
        f"{', '.join(changes)}",
        stacklevel=4,
    )


@functools.cache
def _code() -> dict[str, str]:
    """Return the versions of what decides the numbers of a training."""
    total = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        total.update(path.read_bytes())
    versions = {module: importlib.metadata.version(module) for module in _MODULES}
    device = jax.local_devices()[0]
    return versions | {"lec7": total.hexdigest()[:12], "device": device.device_kind}


def _values(start: states.TrainState) -> str:
    total = hashlib.sha256()
    for leaf in jax.tree.leaves(start.replace(key=jax.random.key_data(start.key))):
        total.update(np.ascontiguousarray(jax.device_get(leaf)))
    return total.hexdigest()


def _program(step: steps.Step, start: states.TrainState, batch: Any) -> str:
    """Return the SHA-256 of the step of one member as a program."""
    member = jax.eval_shape(lambda state: jax.tree.map(lambda x: x[0], state), start)
    program = jax.make_jaxpr(step, axis_env=[(steps.DEVICE_AXIS, 1)])(member, batch)
    total = hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", str(program)).encode())
    for constant in program.consts:
        total.update(np.ascontiguousarray(jax.device_get(constant)))
    return total.hexdigest()


def _digest(identity: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 100 else f"{text[:100]}..."
