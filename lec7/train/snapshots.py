"""Networks of a training kept along its way: for ensembles, and for trajectories.

A snapshot is a checkpoint `snapshots/<name>/<step>/` of the variables alone. The loop
writes it before the checkpoint of its step, so a training that resumes lacks none, and
writes those again, the same, that came after.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from lec7 import files
from lec7.train import checkpoint
from lec7.train import state as states

FOLDER = "snapshots"


def take(
    folder: pathlib.Path,
    name: str,
    state: states.TrainState,
    step: int,
    *,
    identity: str = "",
) -> None:
    """Keep the networks of a population as they are after some update.

    Raises:
      ValueError: the name is not one plain component of a path.
    """
    files.require_name(name, "the training's name")
    variables = jax.device_get(state.variables)
    about = {"training": identity}
    checkpoint.save(
        folder / FOLDER / name, variables, step=step, keep=None, about=about
    )


def read_snapshots(
    folder: pathlib.Path,
    name: str,
    like: states.TrainState,
    *,
    every: int | None,
    identity: str | None = None,
) -> dict[int, Mapping[str, Any]]:
    """Return the snapshots of a training.

    Args:
      folder: the run's folder.
      name: of the training in it.
      like: the population at its end.
      every: the `snapshot_every` of its plan; None for no snapshots.
      identity: of the training, as `fit` was given it; unless given, any will do.

    Returns:
      Updates made -> variables, leaves [M, ...], in order. A member that had stopped is
      as it was then.

    Raises:
      CheckpointError: one is missing, damaged, or of another training.
    """
    if every is None:
        return {}
    steps = range(every, int(np.max(like.step)) + 1, every)
    place = folder / FOLDER / name
    return {
        step: checkpoint.restore(place, like.variables, step=step, training=identity)
        for step in steps
    }
