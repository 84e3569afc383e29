"""What stays of trainings whose run is finished: the trained networks."""

import contextlib
import pathlib

from lec7 import files
from lec7.train import checkpoint, snapshots


def keep_networks(folder: pathlib.Path) -> None:
    """Remove what only a training that goes on needs.

    Of every training the last checkpoint stays, with its parameters and statistics but
    without the state of its rule; snapshots and earlier checkpoints go. What is damaged
    or was not written by lec7 is left as it is. Killed at any moment, the same call
    ends in the same bytes.

    Args:
      folder: of a run that has measured all.

    Raises:
      OSError: the folder may not be written.
    """
    for place in _trainings(folder / "checkpoints"):
        checkpoint.reduce(place)
    for place in _trainings(folder / snapshots.FOLDER):
        checkpoint.remove_all(place)
        _remove_if_empty(place)
    _remove_if_empty(folder / snapshots.FOLDER)


def _trainings(folder: pathlib.Path) -> list[pathlib.Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _remove_if_empty(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        files.remove_folder(folder, ())
