"""Whether a folder holds this training, or another one."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from lec7 import files, parameter_paths
from lec7.train import checkpoint
from lec7.train import state as states

FILE = "training.json"


def of(
    start: states.TrainState, digest: str, seeds: Sequence[int], batch_size: int
) -> dict[str, Any]:
    """Return what makes a training another one."""

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
    }


def require(
    folder: pathlib.Path, name: str, identity: dict[str, Any], *, resume: bool
) -> None:
    """Check that a folder holds no training of this name, or this one, and mark it.

    Raises:
      ValueError: the name is not plain.
      CheckpointError: the folder holds another training of this name, or it holds one
        and `resume` is false.
    """
    path = folder / "checkpoints" / files.require_name(name) / FILE
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in identity if held.get(key) != identity[key]]
        if differing:
            raise checkpoint.CheckpointError(
                f"{folder} holds another training {name!r}: its {differing[0]} differs "
                f"({_shown(held.get(differing[0]))}; expected "
                f"{_shown(identity[differing[0]])}): use another folder or name"
            )
        if not resume:
            raise checkpoint.CheckpointError(
                f"{folder} holds a training {name!r}, and resume is False: use another "
                "folder or name"
            )
    else:
        files.write(path, f"{json.dumps(identity, indent=1)}\n".encode())


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 100 else f"{text[:100]}..."
