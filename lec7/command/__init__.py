"""The command line: `launch.py` in a checkout, `lec7` where it is installed."""

from lec7.command.entry import main, start

__all__ = ["main", "start"]
