"""Axes of the pictures of a sweep: where a value stands, and which ticks say so."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from lec7.report import formats, markup

Value = float | int | str | tuple[float | int | str, ...]
_FEW = 9  # values that have a tick each
MOST = 100
"""Times the median size of numbers beyond which one stands at an end of their axis."""
_APART = 0.07  # least distance of two labels, as a share of the axis


class Axis(NamedTuple):
    """From 0, at its low end, to 1."""

    ticks: Sequence[tuple[float, str]]
    """Place and label of each."""
    place: Callable[[Value], float]
    """Value -> its place."""


def of_setting(values: Iterable[Value]) -> Axis:
    """Return the axis of a swept field.

    Numbers are spaced as they were chosen, evenly or by their logarithm; words, lists
    and numbers that are neither stand at equal distances, in their order.
    """
    values = [*dict.fromkeys(values)]
    if len(values) < 3 or not all(isinstance(value, int | float) for value in values):
        return _of_names(values)
    values = sorted(values)
    if values[0] > 0 and _unevenness(map(math.log, values)) < _unevenness(values):
        return _of_numbers(values, logarithmic=True)
    if _unevenness(values) > 0.5 and len(values) <= _FEW:
        return _of_names(values)
    return _of_numbers(values, logarithmic=False)


def of_measure(values: Iterable[float]) -> Axis:
    """Return the axis of what was measured, finite numbers, one at least.

    It is logarithmic where all are positive and the largest is ten times the smallest.
    What is more than `MOST` times the median size of those that are not zero stands at
    an end, beyond all others.
    """
    most = _most(values := [*values])
    within = [value for value in values if abs(value) <= most]
    low, high = min(within), max(within)
    if low == high:
        ticks = [(0.5, formats.format_tick(low) if low else "0")]
        return Axis(ticks, lambda value: 0.5 + ((value > low) - (value < low)) / 2)
    logarithmic = low > 0 and high >= 10 * low
    scale = _scale(low, high, logarithmic=logarithmic, margin=0.05)
    ends = _decades(low, high) if logarithmic else _steps(low, high)
    ticks = [(scale(x), formats.format_tick(x)) for x in ends]
    return Axis(
        ticks,
        lambda value: scale(value) if abs(value) <= most else float(value > 0),
    )


def are_cut(values: Sequence[float]) -> bool:
    """Return whether numbers lie beyond the ends of the axis of all of them."""
    most = _most(values)
    return any(abs(value) > most for value in values)


def short(value: Value) -> str:
    """Return a setting in few letters.

    Example:
      >>> short(0.000316228), short(16), short((8, 8)), short("sgd")
      ('3.16×10⁻⁴', '16', '8 8', 'sgd')
    """
    if isinstance(value, tuple):
        return " ".join(map(short, value))
    if isinstance(value, str | bool):
        return str(value)
    rounded = float(f"{value:.3g}") if isinstance(value, float) else value
    return formats.format_tick(rounded) if rounded else "0"


def text(
    words: str, x: float, y: float, anchor: str, class_: str | None = None
) -> Element:
    """Return words in a picture, whose `anchor` stands at a point."""
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text_anchor": anchor}
    return markup.tag("text", words, **place, class_=class_)


def _most(values: Iterable[float]) -> float:
    """Return the size beyond which a value stands at an end."""
    sizes = [abs(value) for value in values if value]
    return MOST * statistics.median(sizes) if sizes else math.inf


def _of_names(values: Sequence[Value]) -> Axis:
    last = max(len(values) - 1, 1)
    places = {value: place / last for place, value in enumerate(values)}
    if len(values) == 1:
        places = dict.fromkeys(values, 0.5)
    return Axis(
        _legible([(places[value], short(value)) for value in values]),
        places.__getitem__,
    )


def _of_numbers(values: Sequence[float], *, logarithmic: bool) -> Axis:
    low, high = values[0], values[-1]
    scale = _scale(low, high, logarithmic=logarithmic, margin=0)
    if len(values) > _FEW:
        values = _decades(low, high) if logarithmic else _steps(low, high)
    return Axis(_legible([(scale(x), short(x)) for x in values]), scale)


def _unevenness(values: Iterable[float]) -> float:
    """Return the standard deviation of the gaps over their mean."""
    values = [*values]
    gaps = [b - a for a, b in zip(values, values[1:], strict=False)]
    return statistics.pstdev(gaps) / statistics.fmean(gaps)


def _scale(
    low: float, high: float, *, logarithmic: bool, margin: float
) -> Callable[[float], float]:
    read = math.log if logarithmic else float
    start, length = read(low), read(high) - read(low)
    return lambda x: margin + (1 - 2 * margin) * (read(x) - start) / length


def _steps(low: float, high: float) -> list[float]:
    """Return round numbers at equal distances between two, four to eight or so."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * max(n for n in (1, 2, 5, 10) if n * power <= rough * (1 + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Return powers of ten between two numbers, with 2 and 5 where these are few."""
    decades = math.log10(high / low)
    factors = (1,) if decades > 2.5 else (1, 2, 5)
    every = max(1, round(decades / 6))
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [
        float(f"{factor}e{power}")
        for power in range(first, last + 1, every)
        for factor in factors
    ]
    found = [x for x in found if low * (1 - 1e-9) <= x <= high * (1 + 1e-9)]
    return found if len(found) > 1 else _steps(low, high)


def _legible(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the ticks, those without their label that are too near to the last one."""
    found, last = [], -math.inf
    for place, label in ticks:
        is_free = place - last >= _APART
        found.append((place, label if is_free else ""))
        last = place if is_free else last
    return found
