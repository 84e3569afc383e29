"""Types of fields that carry a range: what `--describe` shows and one place checks.

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(runs.Checked):
        seeds: runs.Seeds = (0, 1, 2)
        updates: runs.Count = 512  # of every training

To a reader and to tyro, a `Count` is an int.
"""

import dataclasses
import typing
from collections.abc import Callable
from typing import Annotated, Any

from lec7 import arguments
from lec7.runs import exits


@dataclasses.dataclass(frozen=True)
class Range:
    """What a value must be."""

    expected: str
    holds: Callable[[Any], bool]
    words: tuple[str, ...] = ()
    """Of which the value has some; a message names the nearest."""


def _each(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda values: len(values) > 0 and all(map(holds, values))


def _rising(values: tuple[float, ...]) -> bool:
    return values[0] > 0 and list(values) == sorted(set(values))


def at_least(least: float) -> Range:
    """Return the range of numbers that are not below one."""
    return Range(f"at least {least}", lambda value: value >= least)


def side(least: int) -> Range:
    """Return the range of points along a side of a grid, whose square is evaluated."""
    most = 2000
    return Range(
        f"between {least} and {most:,}, since their square is evaluated",
        lambda value: least <= value <= most,
    )


Count = Annotated[int, at_least(1)]
Several = Annotated[int, at_least(2)]
Positive = Annotated[float, Range("more than 0", lambda value: value > 0)]
Fraction = Annotated[float, Range("between 0 and 1", lambda value: 0 < value < 1)]
Positives = Annotated[
    tuple[float, ...], Range("numbers above 0", _each(lambda value: value > 0))
]
Rising = Annotated[tuple[float, ...], Range("rising numbers above 0", _rising)]
Seeds = Annotated[
    tuple[int, ...],
    Range(
        "two or more different ones, each >= 0",
        lambda seeds: len(set(seeds)) == len(seeds) > 1 and min(seeds) >= 0,
    ),
]
Draws = Annotated[
    tuple[int, ...],
    Range(
        "one or more different ones, each >= 0",
        lambda seeds: 0 < len(set(seeds)) == len(seeds) and min(seeds) >= 0,
    ),
]


class Some:
    """`Some["a", "b"]`: one or more different ones of these words."""

    def __class_getitem__(cls, words: tuple[str, ...]) -> Any:
        """Return the type."""

        def holds(given):
            return len(set(given)) == len(given) > 0 and set(given) <= set(words)

        expected = f"different ones of {', '.join(words)}"
        return Annotated[tuple[str, ...], Range(expected, holds, words)]


class Checked:
    """A configuration whose fields are in their ranges, however it is made.

    What the types of the fields do not say, `_check` of a configuration refuses.
    """

    def __post_init__(self):
        """Check every field.

        Raises:
          ValueError: a value is out of its range.
        """
        for name, hint in typing.get_type_hints(
            type(self), include_extras=True
        ).items():
            for limit in getattr(hint, "__metadata__", ()):
                value = getattr(self, name)
                expected = limit.expected + _nearest(value, limit.words)
                arguments.require(limit.holds(value), name, value, expected)
        self._check()

    def _check(self):
        pass


def _nearest(value: Any, words: tuple[str, ...]) -> str:
    wrong = [word for word in value if word not in words] if words else []
    known = {word: word for word in words}
    return exits.did_you_mean(wrong[0], known) if wrong else ""
