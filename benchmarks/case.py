"""What every row of the table gives to be measured."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

OURS = "lec7"


class Case(NamedTuple):
    """The same work, done by lec7 and by its peers."""

    runs: Mapping[str, Callable[[], Any]]
    """Name -> a call that does the work, waits for it and returns all results."""
    count: int = 1
    """Units of work in a call, such as updates."""
    note: str = ""
    """What was chosen or found while it was built, such as true errors."""


class Row(NamedTuple):
    """A line of the table."""

    work: str
    """What is done, in words."""
    build: Callable[[contextlib.ExitStack], Case]
    """Makes ready; what must be ended goes on the stack."""
    note: str = ""
    """What favours whom."""
    unit: str = "step"
    """Of which a call does `Case.count`."""
