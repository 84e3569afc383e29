"""The command line of a checkout; `lec7` and `python -m lec7` are the same program."""

import pathlib
import sys
from collections.abc import Sequence

from lec7 import command

EXPERIMENTS = pathlib.Path(__file__).resolve().parent / "experiments"


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks, with the experiments beside this file.

    Args:
      argv: the program's name, then its arguments.

    Returns:
      The exit code.
    """
    return command.main(argv, EXPERIMENTS)


if __name__ == "__main__":
    command.start(sys.argv, EXPERIMENTS)
