"""What trainings take, as tables for a terminal."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lec7 import runs

GIGABITS = (10.0, 25.0, 100.0)
"""A second, of networks whose bandwidth nobody has given."""
WILD = 3.0
"""Times as many FLOPs as in products, or as few, that are worth a look."""
_UNITS = ("", "k", "M", "G", "T", "P", "E")


class Network(NamedTuple):
    """How many hosts are asked about, and what is between them."""

    hosts: int
    gigabits: Sequence[float]
    """A second, each of which is told."""
    latency: float
    """Seconds."""


class Told(NamedTuple):
    """What came of a dry run."""

    costs: Sequence[Any]
    """`train.Cost` of every training that was met."""
    beside: float
    """Seconds of the rest, as far as it went."""
    stopped: str | None
    """Why it went no further."""
    phase: str
    """In which it ended."""


def text(name: str, told: Told, network: Network, minutes: str) -> str:
    """Return what an experiment takes.

    Args:
      name: of the experiment.
      told: what came of its dry run.
      network: between hosts.
      minutes: that its docstring tells, empty where it tells none.
    """
    if not told.costs:
        return _without_training(name, told)
    parts = [_computation(told.costs), _memory(told.costs)]
    if network.hosts > 1:
        parts.append(_hosts(told.costs, network))
    parts.append("\n".join(_sums(told, minutes)))
    return "\n\n".join(parts)


def _without_training(name: str, told: Told) -> str:
    if told.stopped:
        return f"{name} has begun no training: {told.stopped}"
    return f"{name} trains no network; all it does took {duration(told.beside)}"


def _computation(costs: Sequence[Any]) -> str:
    names = ("networks", "parameters", "FLOPs", "updates", "an update", "a look")
    rows = [("training", *names, "compiling", "in all")]
    rows += [
        (
            cost.name,
            str(cost.members),
            f"{cost.parameters:,}",
            number(cost.flops),
            f"{cost.updates:,}" + "*" * cost.stops,
            duration(cost.seconds.update),
            duration(cost.seconds.evaluation),
            duration(cost.seconds.compile),
            duration(cost.total),
        )
        for cost in costs
    ]
    notes = ["FLOPs of an update of all networks, as XLA counts them."]
    notes += [
        f"{cost.name}: XLA counts {number(cost.flops)}FLOPs, and its matrix products "
        f"and convolutions have {number(cost.products)}: the rest is elementwise "
        "work, or one of the counts is wrong."
        for cost in costs
        if not 1 / WILD < cost.flops / max(cost.products, 1) < WILD
    ]
    if any(cost.stops for cost in costs):
        notes.append("* At the most: the training ends at a loss.")
    return "\n".join([_table(rows), *notes])


def _memory(costs: Sequence[Any]) -> str:
    names = ("parameters", "optimiser", "data", "batch", "working", "peak")
    rows = [("training", *names, "available", "a checkpoint")]
    rows += [
        (
            cost.name,
            *(f"{number(getattr(cost.bytes, name))}B" for name in names),
            f"{number(cost.available)}B",
            duration(cost.seconds.checkpoint),
        )
        for cost in costs
    ]
    notes = [
        f"{cost.name} does not fit: its peak is more than there is."
        for cost in costs
        if cost.bytes.peak > cost.available
    ]
    return "\n".join([_table(rows), *notes])


def _hosts(costs: Sequence[Any], network: Network) -> str:
    rows = [("training", "hosts", "Gb/s", "an update", "of it averaging")]
    rows[0] += ("efficiency", "all of it")
    notes = []
    for cost in costs:
        for gigabits in network.gigabits:
            try:
                on = cost.on(
                    network.hosts,
                    bandwidth=gigabits * 1e9 / 8,
                    latency=network.latency,
                )
            except ValueError as error:
                notes.append(f"{cost.name}: {error}")
                break
            rows.append(
                (
                    cost.name,
                    str(on.hosts),
                    f"{gigabits:g}",
                    duration(on.seconds.update + on.communication),
                    duration(on.communication),
                    f"{100 * on.efficiency:.0f} %",
                    duration(on.total),
                )
            )
    notes.append(
        f"A ring, messages of {network.latency * 1e6:g} µs, no overlap; an update with "
        "a host's share of the batch was timed here."
    )
    return "\n".join([*([_table(rows)] if rows[1:] else []), *notes])


def _sums(told: Told, minutes: str) -> list[str]:
    trainings = sum(cost.total for cost in told.costs)
    whole = duration(trainings + told.beside)
    lines = [
        f"{_counted(len(told.costs), 'training')}: {duration(trainings)}",
        f"beside them, made: {duration(told.beside)}",
    ]
    if told.stopped is None:
        lines.append(f"in all: {whole}")
    else:
        lines += [
            f"in all: {whole} up to the phase {told.phase}, in which the dry run ends:",
            f"{told.stopped}; what follows is not costed, nor are trainings in it",
        ]
    if minutes:
        lines.append(
            f"its own figure, as it is by default: {_counted(minutes, 'minute')}"
        )
    return lines


def _counted(count: int | str, thing: str) -> str:
    return f"{count} {thing}{'' if str(count) == '1' else 's'}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    return runs.table(rows, runs.terminal_width())


def number(value: float) -> str:
    """Return a number in three digits and a unit.

    Example:
      >>> number(12_345_678), number(999), number(float("inf"))
      ('12.3 M', '999 ', 'unknown ')
    """
    if not value < float("inf"):
        return "unknown "
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time in a unit of its size.

    Example:
      >>> duration(0.00123), duration(75), duration(7200), duration(3600 * 100)
      ('1.23 ms', '75 s', '2 h', '100 h')
    """
    for unit, size, limit in (("µs", 1e-6, 1e-3), ("ms", 1e-3, 1.0), ("s", 1.0, 120.0)):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
