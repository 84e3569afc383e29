"""Which lec7 this is."""

import importlib.metadata
import pathlib

from lec7 import runs


def version(experiments: pathlib.Path) -> str:
    """Return name and version, and the commit in a checkout.

    Args:
      experiments: the folder of the experiments, in the checkout if this is one.
    """
    try:
        told = f"lec7 {importlib.metadata.version('lec7')}"
    except importlib.metadata.PackageNotFoundError:  # a checkout on Python's path
        told = "lec7, not installed"
    state = runs.source_state(experiments)
    return told if state is None else f"{told}, commit {runs.state_text(state)}"
