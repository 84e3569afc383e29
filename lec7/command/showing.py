"""What there is: the experiments, one of them, and the version."""

import importlib.metadata

from lec7 import runs
from lec7.command import options


def show_all(asked: options.Asked) -> None:
    """Print a row for each experiment."""
    print(runs.overview(asked.experiments))


def show_one(asked: options.Asked) -> None:
    """Print what an experiment asks, and the fields of its configuration.

    Raises:
      UsageError: there is no such experiment.
    """
    print(runs.description(asked.experiments, options.known(asked)))


def show_version(asked: options.Asked) -> None:
    """Print name and version, and the commit in a checkout."""
    try:
        told = f"lec7 {importlib.metadata.version('lec7')}"
    except importlib.metadata.PackageNotFoundError:  # a checkout on Python's path
        told = "lec7, not installed"
    state = runs.source_state(asked.experiments)
    print(told if state is None else f"{told}, commit {runs.state_text(state)}")
