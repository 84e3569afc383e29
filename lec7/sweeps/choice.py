"""Which configuration of a sweep is best, by validation and never by test."""

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lec7 import runs
from lec7.sweeps import results, trials

SEEDS = ("seed", "seeds")
"""Fields by which repetitions of one configuration differ."""
BY_DEFAULT = "validation_loss"
"""What the name of a measure ends with that chooses where none is asked for."""
CHOOSING = ("validation_", "train_")
"""What the last part of a measure's name begins with that may choose."""
_ENOUGH = 3  # values of a field of which one can lie between others
_NAMED = 3  # configurations in a warning


class Choice(NamedTuple):
    """A configuration, and the trials that repeat it."""

    settings: Mapping[str, trials.Value]
    """Without those of `SEEDS`."""
    numbers: tuple[int, ...]
    """Of its trials."""
    value: float
    """Of the objective, the mean over its trials."""
    spread: float | None
    """Its standard deviation over trials, or else over the members of the one trial."""


def objective(rows: Sequence[trials.Row], asked: str | None = None) -> str | None:
    """Return the measure by which to choose.

    Args:
      rows: of the sweep.
      asked: its name, if the user gives one.

    Returns:
      The name; unless asked for, the first `validation_loss` in alphabetical order,
      None where there is none.

    Raises:
      UsageError: a measure of the test or a spread is asked for, or one that no trial
        has, or that is not among those which may choose.
    """
    known = choosing(rows)
    if asked is None:
        return min((x for x in known if x.endswith(BY_DEFAULT)), default=None)
    if _is_of_the_test(asked):
        raise runs.UsageError(
            f"--objective={asked}: what is chosen by the test is not tested any more; "
            f"expected a measure of the validation, such as {BY_DEFAULT}"
        )
    if not asked:
        raise runs.UsageError(
            f"--objective=: expected the name of a measure, such as {BY_DEFAULT}"
        )
    if asked.endswith(results.SPREAD):
        raise runs.UsageError(
            f"--objective={asked}: it is a standard deviation; expected a measure, "
            f"such as {asked.removesuffix(results.SPREAD)}"
        )
    found = measures(rows)
    if found and asked not in known:
        why = "it may rest on the test" if asked in found else "no trial has it"
        nearest = runs.did_you_mean(asked, {name: name for name in known})
        raise runs.UsageError(
            f"--objective={asked}: {why}; expected one of {_first(known)}{nearest}"
        )
    return asked


def required(rows: Sequence[trials.Row], asked: str | None) -> str | None:
    """Return the measure by which a search chooses, None while no trial has finished.

    Raises:
      UsageError: see `objective`; or none is asked for, and none is there by itself.
    """
    found = objective(rows, asked)
    known = choosing(rows)
    if found is None and known:
        raise runs.UsageError(
            "--objective is missing: no trial has a validation_loss; expected one of "
            f"{_first(known)}"
        )
    return found


def choosing(rows: Sequence[trials.Row]) -> list[str]:
    """Return the names of the measures that may choose.

    They are those of the validation and of the training. Only where there is none may
    the claims choose, some of which are about the test.
    """
    known = measures(rows)
    choosers = [*filter(_is_chooser, known)]
    return choosers or [name for name in known if not _is_of_the_test(name)]


def measures(rows: Sequence[trials.Row]) -> list[str]:
    """Return the names of all values of the rows, spreads aside."""
    names = dict.fromkeys(name for row in rows for name in row.values)
    return [name for name in names if not name.endswith(results.SPREAD)]


def higher_is_better(objective: str) -> bool:
    """Return whether a measure is to be large, as an accuracy is."""
    return "accuracy" in objective


def ranked(rows: Sequence[trials.Row], objective: str) -> list[Choice]:
    """Return the configurations that can be compared, the best one first.

    Those whose trials have all finished can, and if there is none those of which some
    have. What is not finite is no value; of equal ones the first planned is better.
    """
    groups = _configurations(rows)
    whole = [of for of in groups if all(map(_has_finished, of))]
    some = [[*filter(_has_finished, of)] for of in groups]
    return _sorted(whole, objective) or _sorted(some, objective)


def left_out(
    rows: Sequence[trials.Row], objective: str, compared: Sequence[Choice]
) -> list[str]:
    """Return a warning of configurations that only some of their trials kept out.

    Args:
      rows: of the sweep.
      objective: that has chosen.
      compared: see `ranked`.
    """
    known = {number for choice in compared for number in choice.numbers}
    groups = _configurations(rows)
    valued = [[row for row in of if _has_value(row, objective)] for of in groups]
    out = _sorted(
        [of for of in valued if not known & {row.trial.number for row in of}], objective
    )
    if not out or len(groups) == 1:
        return []
    named = [
        " ".join(f"{name} {results.words(x)}" for name, x in choice.settings.items())
        for choice in out[:_NAMED]
    ]
    has, was = ("has", "was") if len(out) == 1 else ("have", "were")
    return [
        f"of {len(groups):,} configurations {len(out):,} {has} trials that failed, "
        f"have not finished or have no value, and {was} not compared: "
        f"{', '.join(named)}"
        f"{' and others' * (len(out) > _NAMED)}"
    ]


def as_good(found: Sequence[Choice]) -> int:
    """Return how many other configurations are within the spread of the best one."""
    if not found or not found[0].spread:
        return 0
    best = found[0]
    return sum(abs(of.value - best.value) <= best.spread for of in found[1:])


def borders(rows: Sequence[trials.Row], best: Choice) -> list[str]:
    """Return a warning for each number of the best that is at an end of those tried.

    A list of two has no inside, and nothing is below 0 that is not a number below it.
    """
    told = []
    for name, values in swept(rows).items():
        numbers = [x for x in values if isinstance(x, int | float)]
        if name in SEEDS or len(numbers) < max(_ENOUGH, len(values)):
            continue
        value, low, high = best.settings.get(name), min(numbers), max(numbers)
        if value == high or value == low != 0:
            side = "larg" if value == high else "small"
            told.append(
                f"the best {name}, {value:g}, is the {side}est that was tried; try "
                f"{side}er ones"
            )
    return told


def swept(rows: Sequence[trials.Row]) -> dict[str, list[trials.Value]]:
    """Return the fields in which trials differ -> their values, sorted if numbers."""
    found: dict[str, dict[trials.Value, None]] = {}
    for row in rows:
        for name, value in row.trial.settings.items():
            found.setdefault(name, {})[value] = None
    return {
        name: sorted(values) if _are_numbers(values) else [*values]
        for name, values in found.items()
        if len(values) > 1
    }


def _are_numbers(values: Mapping[trials.Value, None]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _settings(row: trials.Row) -> dict[str, trials.Value]:
    settings = row.trial.settings.items()
    return {name: value for name, value in settings if name not in SEEDS}


def _configurations(rows: Sequence[trials.Row]) -> list[list[trials.Row]]:
    """Return the trials that repeat each configuration, in the order planned."""
    groups: dict[tuple, list[trials.Row]] = {}
    for row in sorted(rows, key=lambda row: row.trial.number):
        groups.setdefault(tuple(_settings(row).items()), []).append(row)
    return [*groups.values()]


def _sorted(groups: Sequence[Sequence[trials.Row]], objective: str) -> list[Choice]:
    found = [_choice(of, objective) for of in groups if of]
    found = [choice for choice in found if math.isfinite(choice.value)]
    sign = -1 if higher_is_better(objective) else 1
    return sorted(found, key=lambda choice: sign * choice.value)


def _first(names: Sequence[str]) -> str:
    return f"{', '.join(names[:12])}{' ...' if len(names) > 12 else ''}"


def _is_chooser(name: str) -> bool:
    return name.rpartition(".")[2].startswith(CHOOSING)


def _is_of_the_test(name: str) -> bool:
    is_told = re.search(r"(?<![a-z])test", name.lower())
    return bool(is_told) and not _is_chooser(name)


def _has_value(row: trials.Row, objective: str) -> bool:
    return _has_finished(row) and math.isfinite(row.values.get(objective, math.nan))


def _has_finished(row: trials.Row) -> bool:
    return row.status == trials.FINISHED


def _choice(rows: Sequence[trials.Row], objective: str) -> Choice:
    values = [row.values.get(objective, math.nan) for row in rows]
    value = sum(values) / len(values)
    spread = rows[0].values.get(f"{objective}{results.SPREAD}")
    if len(values) > 1:
        spread = statistics.stdev(values) if math.isfinite(value) else None
    numbers = tuple(row.trial.number for row in rows)
    return Choice(_settings(rows[0]), numbers, value, spread)
