"""The history of a training as TensorBoard events."""

import pathlib
from collections.abc import Mapping

import numpy as np


def write_events(folder: pathlib.Path, history: Mapping[str, np.ndarray]) -> None:
    """Write the mean of every metric over the members that still train.

    Args:
      folder: of this training's events; those it held before are replaced.
      history: name -> [T, M], NaN where a member has stopped, and `NAME_step` -> [T].
    """
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
