"""Several hosts that run one program: who is who, what they tell each other, and loss.

Every host runs the same program in the same order. The first one reads and writes the
run's folder, and tells the others what it has read. Where `join` was not called, there
is one host, and nothing here costs anything.
"""

from lec7.hosts.membership import (
    agreed,
    at_end,
    count,
    devices,
    first_differing,
    from_first,
    gathered,
    index,
    is_first,
    join,
    joined,
    mark,
)
from lec7.hosts.star import LOST

__all__ = [
    "LOST",
    "agreed",
    "at_end",
    "count",
    "devices",
    "first_differing",
    "from_first",
    "gathered",
    "index",
    "is_first",
    "join",
    "joined",
    "mark",
]
