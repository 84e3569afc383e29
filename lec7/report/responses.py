"""Response curves: what was measured against one setting, over all the others."""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from lec7.report import markup, sweep_axes

_WIDE, _HIGH, _LEFT, _RIGHT, _TOP, _BOTTOM = 280, 150, 56, 34, 26, 44
_LETTER = 6.5  # width of one
_EM, _SIZE = 0.62, 13  # width over size of a letter of a name, and its size
_MANY, _PARTS = 12, 8  # settings that have a line each, and otherwise parts
_POINTS = 3  # of a part, on average


class Point(NamedTuple):
    """A trial."""

    number: int
    setting: sweep_axes.Value
    value: float
    """Of the measure."""
    share: float | None
    """How good it is by the objective, from 0 to 1; None without a value of it."""
    about: str | None
    """What is said of it; None where it counts for the lines and is not drawn."""


def draw(
    setting: str,
    axis: sweep_axes.Axis,
    measure: str,
    points: Sequence[Point],
    *,
    alone: bool = False,
) -> Element:
    """Return a picture of the points with two lines.

    One leads through the medians at each setting, the other through the trials that
    are best by the objective there; only the objective chooses, whatever is shown. Of
    many numbers, and of those that seldom repeat, neighbours are taken together.

    Args:
      setting: name of the field.
      axis: of it.
      measure: name of what was measured.
      points: one at least, values finite.
      alone: whether no other field varies.
    """
    across = sweep_axes.of_measure([point.value for point in points])

    def at(setting, value):
        return (
            _LEFT + _WIDE * axis.place(setting),
            _TOP + _HIGH * (1 - across.place(value)),
        )

    groups = _groups(axis, points, alone)
    few = len(groups) < len(points)  # otherwise both lines go through the same points
    lines = [_through(groups, at, _median, "median")] if few else []
    if any(point.share is not None for point in points):
        lines.append(_through(groups, at, _best, "through"))
    dots = [
        _dot(point, *at(point.setting, point.value))
        for point in points
        if point.about is not None
    ]
    return markup.tag(
        "svg",
        *_frame(setting, axis, measure, across),
        *lines,
        *dots,
        class_="response",
        role="img",
        aria_label=f"{measure} against {setting}",
        viewBox=f"0 0 {_LEFT + _WIDE + _RIGHT} {_TOP + _HIGH + _BOTTOM}",
    )


def _groups(
    axis: sweep_axes.Axis, points: Sequence[Point], alone: bool
) -> list[list[Point]]:
    """Return the points of each setting, or of each part of an axis of many numbers.

    They are in the order of the axis.
    """
    settings = {point.setting for point in points}
    many = len(settings) > _MANY or (not alone and 2 * len(settings) > len(points))
    many &= all(isinstance(setting, int | float) for setting in settings)
    parts = max(1, min(_PARTS, len(points) // _POINTS))
    groups: dict[float, list[Point]] = {}
    for point in sorted(points, key=lambda point: axis.place(point.setting)):
        place = axis.place(point.setting)
        groups.setdefault(round(parts * place) if many else place, []).append(point)
    return [*groups.values()]


def _median(points: Sequence[Point]) -> tuple[sweep_axes.Value, float]:
    middle = points[len(points) // 2]
    return middle.setting, statistics.median(point.value for point in points)


def _best(points: Sequence[Point]) -> tuple[sweep_axes.Value, float] | None:
    best = max(points, key=lambda p: -1 if p.share is None else p.share)
    return None if best.share is None else (best.setting, best.value)


def _through(
    groups: Sequence[Sequence[Point]], at: Callable, choose: Callable, kind: str
) -> Element:
    places = [at(*found) for of in groups if (found := choose(of)) is not None]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return markup.tag("polyline", points=points, class_=kind)


def _dot(point: Point, x: float, y: float) -> Element:
    return markup.tag(
        "circle",
        markup.tag("title", point.about),
        cx=f"{x:.1f}",
        cy=f"{y:.1f}",
        r="3.5",
        data_trial=f"{point.number}",
        class_="lost" if point.share is None else None,
        style=None if point.share is None else f"--share: {100 * point.share:.0f}%",
    )


def _frame(
    setting: str, axis: sweep_axes.Axis, measure: str, across: sweep_axes.Axis
) -> list[Element]:
    floor = _TOP + _HIGH
    parts = [sweep_axes.text(measure, 0, 13, "start", class_="name")]
    size = (_LEFT + _WIDE + _RIGHT) / (_EM * len(measure))
    if size < _SIZE:
        parts[0].set("style", f"font-size: {size:.1f}px")
    for share, label in across.ticks:
        y = _TOP + _HIGH * (1 - share)
        ends = {"x1": f"{_LEFT - 6}", "x2": f"{_LEFT + _WIDE + 6}"}
        parts.append(markup.tag("line", **ends, y1=f"{y:.1f}", y2=f"{y:.1f}"))
        parts.append(sweep_axes.text(label, _LEFT - 11, y + 4, "end"))
    end = 0.0
    for share, label in axis.ticks:
        x, half = _LEFT + _WIDE * share, _LETTER * len(label) / 2
        if x - half > end:
            parts.append(sweep_axes.text(label, x, floor + 17, "middle"))
            end = x + half + _LETTER
    parts.append(
        sweep_axes.text(setting, _LEFT + _WIDE / 2, floor + 38, "middle", class_="name")
    )
    return parts
