"""The history of a training as TensorBoard events."""

import pathlib
import warnings
from collections.abc import Mapping

import numpy as np


def write_events(folder: pathlib.Path, history: Mapping[str, np.ndarray]) -> None:
    """Write the mean of every metric over the members that still train.

    Where they cannot be written, which no result depends on, a warning says so.

    Args:
      folder: of this training's events; those it held before are replaced.
      history: name -> [T, M], NaN where a member has stopped, and `NAME_step` -> [T].
    """
    try:
        _write(folder, history)
    except Exception as error:  # of any class: what writes them documents none
        warnings.warn(f"no events for TensorBoard in {folder}: {error}", stacklevel=2)


def _write(folder: pathlib.Path, history: Mapping[str, np.ndarray]) -> None:
    import tensorboardX  # takes half a second to import

    for earlier in folder.glob("events.out.tfevents.*"):
        earlier.unlink()
    with tensorboardX.SummaryWriter(str(folder)) as writer:
        for name, values in history.items():
            if f"{name}_step" not in history:
                continue
            for step, row in zip(history[f"{name}_step"], values, strict=True):
                known = row[np.isfinite(row)]
                if known.size:
                    writer.add_scalar(name, known.mean(), int(step) + 1)
