"""Parallel coordinates: one line a trial through its settings to what came of it."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from lec7.report import markup, sweep_axes

_GAP, _HIGH, _TOP, _LEFT, _RIGHT = 200, 300, 40, 84, 72
_NOWHERE = _HIGH + 28  # where trials end that have no value
_LETTER = 8  # width of one of a name
_LIFT = 16  # of every other name, where neighbours would overlap
LABEL = 7  # from an axis to its labels


class Line(NamedTuple):
    """A trial."""

    number: int
    settings: Mapping[str, sweep_axes.Value]
    value: float | None
    """Of the objective; None where there is none."""
    share: float | None
    """How good it is among all, from 0 to 1."""
    about: str
    """What is said of it, in one line."""
    is_best: bool = False


def draw(
    fields: Mapping[str, sweep_axes.Axis],
    objective: str | None,
    lines: Sequence[Line],
    *,
    higher: bool,
) -> Element:
    """Return the picture, good values of the objective at the top.

    Args:
      fields: name -> axis of each swept field.
      objective: name of the last axis.
      lines: the trials, drawn over each other in this order.
      higher: whether high values are good.
    """
    axes = dict(fields)
    finite = [line.value for line in lines if line.value is not None]
    if objective and finite:
        measure = sweep_axes.of_measure(finite)
        axes[objective] = measure if higher else _upside_down(measure)
    lost, fade = len(finite) < len(lines), min(0.75, 8 / math.sqrt(len(lines) or 1))
    parts = [_line(line, axes, objective) for line in lines]
    halves = [_LETTER * len(name) / 2 for name in axes]
    left, right = max(_LEFT, halves[0]), max(_RIGHT, halves[-1])
    lift = _LIFT if any(a + b > _GAP for a, b in itertools.pairwise(halves)) else 0
    parts += [
        _axis(place, *pair, lift * (place % 2))
        for place, pair in enumerate(axes.items())
    ]
    wide = left + _GAP * max(len(axes) - 1, 1) + right
    high = lift + _TOP + (_NOWHERE if lost else _HIGH) + 12
    if lost and objective in axes:
        x, y = _x(len(axes) - 1), _TOP + _NOWHERE
        parts.append(sweep_axes.text("none", x - LABEL, y + 4, "end"))
    return markup.tag(
        "svg",
        *parts,
        class_="parallels",
        role="img",
        aria_label="a line for each trial, through its settings to its value",
        viewBox=f"{_LEFT - left:g} {-lift} {wide:g} {high}",
        style=f"min-width: {0.72 * wide:.0f}px; max-width: {1.2 * wide:.0f}px; "
        f"--fade: {fade:.2f}",
    )


def _upside_down(axis: sweep_axes.Axis) -> sweep_axes.Axis:
    ticks = [(1 - place, label) for place, label in axis.ticks]
    return sweep_axes.Axis(ticks, lambda value: 1 - axis.place(value))


def _x(place: int) -> float:
    return _LEFT + _GAP * place


def _y(share: float) -> float:
    return _TOP + _HIGH * (1 - share)


def _line(
    line: Line, axes: Mapping[str, sweep_axes.Axis], objective: str | None
) -> Element:
    points = []
    for place, (name, axis) in enumerate(axes.items()):
        if name == objective:
            lost = line.value is None
            y = _TOP + _NOWHERE if lost else _y(axis.place(line.value))
        elif name in line.settings:
            y = _y(axis.place(line.settings[name]))
        else:
            continue
        points.append(f"{_x(place):g},{y:.1f}")
    kind = "lost" if line.share is None else "best" if line.is_best else None
    return markup.tag(
        "polyline",
        markup.tag("title", line.about),
        points=" ".join(points),
        class_=kind,
        data_trial=f"{line.number}",
        style=None if line.share is None else f"--share: {100 * line.share:.0f}%",
    )


def _axis(place: int, name: str, axis: sweep_axes.Axis, lift: float) -> Element:
    x = _x(place)
    ends = {"x1": f"{x:g}", "x2": f"{x:g}"}
    parts = [
        markup.tag("line", **ends, y1=f"{_TOP}", y2=f"{_TOP + _HIGH}"),
        sweep_axes.text(name, x, _TOP - 18 - lift, "middle", class_="name"),
    ]
    for share, label in axis.ticks:
        y = f"{_y(share):.1f}"
        parts.append(markup.tag("line", x1=f"{x - 3:g}", x2=f"{x + 3:g}", y1=y, y2=y))
        parts.append(sweep_axes.text(label, x - LABEL, _y(share) + 4, "end"))
    return markup.tag("g", *parts)
