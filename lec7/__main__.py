"""`python -m lec7` and the console script `lec7`."""

import sys

from lec7 import command


def main() -> None:
    """Do what the command line asks, and end with its exit code."""
    command.start(sys.argv)


if __name__ == "__main__":
    main()
