"""What a sweep has found, as its page takes it, and how trials compare."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lec7.report import formats, headlines, sweep_axes

SHOWN = 1000  # trials at the most; the table beside the page has all
FINISHED = "finished"

Settings = Mapping[str, sweep_axes.Value]


class Trial(NamedTuple):
    """A trial."""

    number: int
    settings: Settings
    status: str
    """`finished`, `failed` or `unfinished`."""
    said: str
    """Why it failed."""
    values: Mapping[str, float]
    """Measure -> its value, of a finished one."""
    spreads: Mapping[str, float]
    """Measure -> its standard deviation over members, where there are several."""
    link: str
    """To its report."""


class Best(NamedTuple):
    """The configuration that was chosen."""

    settings: Settings
    numbers: Sequence[int]
    """Of its trials."""
    value: float
    """Of the objective."""
    spread: float | None
    """Its standard deviation over seeds."""
    as_good: int
    """How many others are within the spread."""
    compared: int
    """Configurations, itself among them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """Trials of one experiment, and what was chosen among them.

    Attributes:
      experiment: its name.
      question: that it asks.
      trials: in any order.
      fields: name of each field in which trials differ -> its values, two or more.
      objective: measure that chooses, or None.
      higher: whether it is to be high.
      best: None where nothing can be chosen.
      measures: that are shown, the objective first.
      warnings: what a reader must know, in sentences.
      tables: names of the files beside the page with all numbers.
    """

    experiment: str
    question: str
    trials: Sequence[Trial]
    fields: Mapping[str, Sequence[sweep_axes.Value]]
    objective: str | None
    higher: bool
    best: Best | None
    measures: Sequence[str]
    warnings: Sequence[str]
    tables: Sequence[str]


def answer(sweep: Sweep) -> str:
    """Return in one sentence how many trials finished, and which one is best."""
    counts = Counter(trial.status for trial in sweep.trials)
    total, done = len(sweep.trials), counts[FINISHED]
    rest = [f"{n:,} {name}" for name, n in counts.items() if name != FINISHED]
    begin = f"Of {total:,} trial{'s' * (total != 1)} {done:,} finished"
    begin += f" ({', '.join(rest)})" * bool(rest)
    if sweep.best is None:
        why = "no measure to choose by" if sweep.objective is None else "none is best"
        return f"{begin}; {why}."
    told = [f"{name} {sweep_axes.short(x)}" for name, x in sweep.best.settings.items()]
    value = spread(sweep.best.value, sweep.best.spread)
    if not told:
        return f"{begin}; the `{sweep.objective}` of the only configuration is {value}."
    return (
        f"{begin}; the {'highest' if sweep.higher else 'lowest'} `{sweep.objective}`, "
        f"{value}, has {headlines.listing(told)}."
    )


def spread(value: float, deviation: float | None) -> str:
    """Return a mean with a standard deviation, if that is known, as text."""
    if not deviation or not math.isfinite(deviation):
        return formats.format_number(value)
    half = deviation / math.sqrt(2)  # two values of this mean and deviation
    return formats.format_spread([value - half, value + half])


def shares(sweep: Sweep) -> dict[int, float]:
    """Return number -> how good a trial with a value is by rank, 1 the best."""
    sign = 1 if sweep.higher else -1
    found = {
        trial.number: sign * trial.values[sweep.objective]
        for trial in sweep.trials
        if has(trial, sweep.objective)
    }
    levels = sorted(set(found.values()))
    places = {level: i / max(len(levels) - 1, 1) for i, level in enumerate(levels)}
    if len(levels) == 1:
        places = dict.fromkeys(levels, 1.0)
    return {number: places[value] for number, value in found.items()}


def is_cut(sweep: Sweep) -> bool:
    """Return whether the page shows the best trials alone."""
    return len(sweep.trials) > SHOWN


def has(trial: Trial, measure: str | None) -> bool:
    """Return whether a trial has a finite value of a measure."""
    return math.isfinite(trial.values.get(measure or "", math.nan))


def about(sweep: Sweep, trial: Trial) -> str:
    """Return in one line what a trial is, and what came of it."""
    settings = [
        f"{name} {sweep_axes.short(trial.settings[name])}"
        for name in sweep.fields
        if name in trial.settings
    ]
    end = trial.status
    if sweep.objective in trial.values:
        value = formats.format_number(trial.values[sweep.objective])
        end = f"{sweep.objective} {value}"
    return f"trial {trial.number}: {', '.join([*settings, end])}"
