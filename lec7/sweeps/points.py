"""The values that a sweep gives to the fields of each trial, as words.

A grid has every combination; the last field varies fastest. A draw is a function of
the sweep's seed and the number of the trial alone, so that more trials extend the same
list: field j of trial i takes the j-th uniform number of Philox, whose key is made of
seed and i.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lec7.runs import exits, schema
from lec7.sweeps import spec

_WHOLE = 2.0**53  # up to which a float is every whole number
_DIGITS = 6  # that say all a reader wants, and that another machine rounds to as well


def grid(
    parts: Mapping[str, spec.Part], numbers: Mapping[str, Any]
) -> Iterator[dict[str, list[str]]]:
    """Yield the settings of every combination of values, row by row.

    Args:
      parts: field -> its values.
      numbers: field -> int or float, None where it holds neither.

    Raises:
      UsageError: there are too many, or a field does not hold such values.
    """
    points = [_points(name, part, numbers[name]) for name, part in parts.items()]
    spec.require_few(math.prod(map(len, points)))
    for row in itertools.product(*points):
        yield dict(zip(parts, row, strict=True))


def drawn(
    parts: Mapping[str, spec.Part], numbers: Mapping[str, Any], seed: int, trial: int
) -> dict[str, list[str]]:
    """Return the settings of one trial of a random search.

    Args:
      parts: field -> its values, or the range to draw from.
      numbers: field -> int or float, None where it holds neither.
      seed: the sweep's.
      trial: its number.

    Raises:
      UsageError: a field does not hold numbers.
    """
    key = np.random.SeedSequence(seed, spawn_key=(trial,))
    uniform = np.random.Generator(np.random.Philox(key)).random(len(parts))
    found = {}
    for place, (name, part) in zip(uniform.tolist(), parts.items(), strict=True):
        if isinstance(part, spec.Spaced) and part.count is None:
            found[name] = [_drawn(name, part, numbers[name], place)]
        else:
            points = _points(name, part, numbers[name])
            found[name] = points[int(place * len(points))]
    return found


def number_type(field: schema.Field) -> type | None:
    """Return int or float where a field holds one or a list of them, None elsewhere."""
    inner = getattr(field.type, "__args__", (field.type,))
    kinds = [kind for kind in inner if kind in (int, float)]
    return (float if float in kinds else int) if kinds else None


def listed(name: str, part: spec.Part, number: Any) -> list[list[str]]:
    """Return the words of each value of a field, of a range those of its ends.

    Raises:
      UsageError: see `grid`.
    """
    if isinstance(part, spec.Spaced) and part.count is None:
        part = part._replace(count=2)
    return _points(name, part, number)


def _points(name: str, part: spec.Part, number: Any) -> list[list[str]]:
    if isinstance(part, spec.Listed):
        return [[*words] for words in part.values]
    _require_number(name, part, number)
    shares = [place / (part.count - 1) for place in range(part.count)]
    values = [_between(part, share, _rounding(part, number)) for share in shares]
    if len({*values}) < part.count:
        raise exits.UsageError(
            f"--sweep: {name}={part.text}: there are only {len({*values})} different "
            "whole numbers so spaced; expected no more than that"
        )
    return [[str(value)] for value in values]


def _drawn(name: str, part: spec.Spaced, number: Any, share: float) -> str:
    _require_number(name, part, number)
    if number is int and part.scale == "lin":  # each whole number as often
        return str(int(part.low) + int(share * (part.high - part.low + 1)))
    return str(_between(part, share, _rounding(part, number)))


def _require_number(name: str, part: spec.Spaced, number: Any) -> None:
    if number is None:
        raise exits.UsageError(
            f"--sweep: {name}={part.text}: {name} does not hold a number; expected a "
            "list of values"
        )
    if number is int and not (part.low.is_integer() and part.high.is_integer()):
        raise exits.UsageError(
            f"--sweep: {name}={part.text}: {name} holds whole numbers; expected whole "
            "ends"
        )
    if number is int and max(abs(part.low), abs(part.high)) > _WHOLE:
        raise exits.UsageError(
            f"--sweep: {name}={part.text}: expected whole numbers of 2**53 at most"
        )


def _between(
    part: spec.Spaced, share: float, rounding: Callable[[float], float]
) -> float:
    """Return the number at a share of the way."""
    low, high = part.low, part.high
    if part.scale == "log":
        value = math.exp((1 - share) * math.log(low) + share * math.log(high))
    else:
        value = (1 - share) * low + share * high
    value = {0.0: low, 1.0: high}.get(share, value)  # an end is itself
    return min(max(rounding(value), low), high)


def _rounding(part: spec.Spaced, number: Any) -> Callable[[float], float]:
    ends = (part.low, part.high)
    if number is int:
        return round
    if part.scale == "log":
        return lambda value: value if value in ends else float(f"{value:.{_DIGITS}g}")
    places = _DIGITS - math.floor(math.log10(part.high - part.low))
    return lambda value: value if value in ends else round(value, places)


def settings(
    parts: Mapping[str, spec.Part],
    numbers: Mapping[str, Any],
    seed: int,
    trials: int | None,
) -> Sequence[dict[str, list[str]]]:
    """Return the settings of all trials: drawn where `trials` is a number.

    Raises:
      UsageError: see `grid` and `drawn`.
    """
    if trials is None:
        return [*grid(parts, numbers)]
    spec.require_few(trials)
    return [drawn(parts, numbers, seed, trial) for trial in range(trials)]
