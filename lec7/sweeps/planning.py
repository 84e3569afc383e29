"""What a sweep is: its trials, each checked before anything is written."""

import dataclasses
import hashlib
import operator
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lec7.runs import catalogue, config, exits, schema
from lec7.sweeps import points, spec
from lec7.sweeps.trials import Range, Trial, Value

FORMAT = 1
_NEGATIVE_ZERO = re.compile(r"(?<=[:,\[])-0\.0(?=[,}\]])")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is written of a sweep, and makes its trials again."""

    experiment: str
    base: dict[str, list[str]]  # field -> words, the same in every trial
    spec: Any  # field -> the text of its values, or the trials of a file
    seed: int | None  # of what is drawn; None where nothing is
    members: int  # networks that are trained together, at most
    search: str | None = None  # what chooses the trials; None is the spec alone
    objective: str | None = None  # measure by which it chooses, if it is named
    trials: list[int]  # how many, each time that the sweep was begun or extended
    format: int = FORMAT

    @property
    def words(self) -> list[str]:
        """What every trial is told."""
        return [
            word
            for field, words in self.base.items()
            for word in (f"--config.{field}", *words)
        ]

    @property
    def json(self) -> str:
        """As it is written."""
        return config.canonical_json(self)

    @property
    def folder(self) -> pathlib.Path:
        """Where it is by default, however many trials it has."""
        text = dataclasses.replace(self, trials=[]).json
        digest = hashlib.sha256(text.encode()).hexdigest()
        return pathlib.Path("runs") / f"{self.experiment}-sweep-{digest[:10]}"


class Plan(NamedTuple):
    """A sweep and its trials."""

    sweep: Sweep
    trials: Sequence[Trial]
    networks: Sequence[int]
    """Of each trial, one for each of its seeds."""


def plan(
    experiments: pathlib.Path,
    name: str,
    text: str,
    *,
    base: Mapping[str, Sequence[str]],
    trials: int | None = None,
    seed: int | None = None,
    members: int = 1,
) -> Plan:
    """Return a sweep and its trials, and write nothing.

    Args:
      experiments: their folder.
      name: the experiment's.
      text: see `spec`, or the name of a JSON file.
      base: field -> words of what all trials have in common.
      trials: how many to draw; None where nothing is drawn.
      seed: of what is drawn; None is 0.
      members: networks that are trained together, at most.

    Raises:
      UsageError: a field, a value, a trial or their number is wrong.
    """
    make = catalogue.configurer(experiments, name)
    if spec.is_file(text):
        parts: Mapping[str, spec.Part] = {}
        rows: Any = spec.read_file(pathlib.Path(text).expanduser())
        written = rows
        varied = {field for row in rows for field in row}
    else:
        parts = spec.read(text)
        written = [[field, part.text] for field, part in parts.items()]
        varied = {*parts}
    is_drawn = spec.draws(parts)
    _require_goes_with(is_drawn, trials, seed)
    _require_apart(varied, base)
    if parts:
        numbers = _numbers(catalogue.config_class(experiments, name), parts, name)
        rows = points.settings(parts, numbers, seed or 0, trials)
    spec.require_few(len(rows))
    sweep = Sweep(
        experiment=name,
        base={field: [*words] for field, words in base.items()},
        spec=written,
        seed=(seed or 0) if is_drawn else None,
        members=members,
        trials=[len(rows)],
    )
    configs = _configs(rows, base, make, may_repeat=is_drawn)
    found = [
        Trial(
            number,
            {field: _value(operator.attrgetter(field)(made)) for field in row},
            (name, config.canonical_json(made)),
        )
        for number, (row, made) in enumerate(zip(rows, configs, strict=True))
    ]
    networks = [len(getattr(made, "seeds", (0,))) for made in configs]
    return Plan(sweep, found, networks)


class Search(NamedTuple):
    """A sweep whose trials are chosen by what came of those before."""

    sweep: Sweep
    space: Mapping[str, Range | Sequence[Value]]
    make: Callable[[Mapping[str, Value]], Any]
    """Settings of a trial -> its configuration."""


def plan_search(
    experiments: pathlib.Path,
    name: str,
    text: str,
    *,
    base: Mapping[str, Sequence[str]],
    trials: int | None,
    seed: int | None,
    members: int,
    objective: str | None,
) -> Search:
    """Return a search, and write nothing; see `plan`.

    Args:
      experiments: as there, as are the others.
      name: the experiment's.
      text: with a range to search in, or several.
      base: field -> words of what all trials have in common.
      trials: how many to make.
      seed: of the search; None is 0.
      members: networks that are trained together, at most.
      objective: the measure by which to choose, or None.

    Raises:
      UsageError: a field, a value or an end of a range is wrong.
    """
    make = catalogue.configurer(experiments, name)
    if spec.is_file(text):
        raise exits.UsageError(
            f"--search=tpe: {text} lists the trials; expected ranges to search in, "
            "such as --sweep='learning_rate=log(1e-4,1)', or no --search"
        )
    parts = spec.read(text)
    if not spec.draws(parts):
        raise exits.UsageError(
            f"--search=tpe: {text} has no range; expected one, such as log(1e-4,1)"
        )
    _require_goes_with(True, trials, seed)
    _require_apart(parts, base)
    spec.require_few(trials)
    numbers = _numbers(catalogue.config_class(experiments, name), parts, name)

    def configured(settings: Mapping[str, Value]) -> Any:
        return make({**base, **{k: _words(value) for k, value in settings.items()}})

    space: dict[str, Range | Sequence[Value]] = {}
    for field, part in parts.items():
        rows = [{field: words} for words in points.listed(field, part, numbers[field])]
        made = _configs(rows, base, make, may_repeat=False)
        values = [_value(operator.attrgetter(field)(one)) for one in made]
        space[field] = values
        if isinstance(part, spec.Spaced) and part.count is None:
            log, whole = part.scale == "log", numbers[field] is int
            space[field] = Range(part.low, part.high, log=log, whole=whole)
    sweep = Sweep(
        experiment=name,
        base={field: [*words] for field, words in base.items()},
        spec=[[field, part.text] for field, part in parts.items()],
        seed=seed or 0,
        members=members,
        search="tpe",
        objective=objective,
        trials=[trials],
    )
    return Search(sweep, space, configured)


def extended(search: Search, planned: Plan, trials: Sequence[Trial]) -> Plan:
    """Return the plan of a search with a further round of trials.

    Raises:
      UsageError: a trial has no configuration.
    """
    configs = [search.make(trial.settings) for trial in trials]
    begun = len(planned.trials)
    end = begun + len(trials)
    # Where the search has ended before it was extended, a group ends too.
    within = {stretch for stretch in search.sweep.trials if begun < stretch < end}
    ends = {*(planned.sweep.trials if begun else ()), *within, end}
    return Plan(
        dataclasses.replace(search.sweep, trials=sorted(ends)),
        [
            *planned.trials,
            *(
                trial._replace(run=(search.sweep.experiment, config.canonical_json(of)))
                for trial, of in zip(trials, configs, strict=True)
            ),
        ],
        [*planned.networks, *(len(getattr(one, "seeds", (0,))) for one in configs)],
    )


def _words(value: Value) -> list[str]:
    return [*map(str, value)] if isinstance(value, tuple) else [str(value)]


def _require_goes_with(is_drawn: bool, trials: int | None, seed: int | None) -> None:
    if is_drawn and trials is None:
        raise exits.UsageError(
            "--trials is missing; expected --trials=N, since --sweep has a range to "
            "draw from; log(1e-4,1,9) is a grid of 9 numbers"
        )
    for flag, value in (("trials", trials), ("sweep_seed", seed)):
        if not is_drawn and value is not None:
            raise exits.UsageError(
                f"--{flag}={value}: nothing is drawn; expected it with a range in "
                "--sweep, such as log(1e-4,1)"
            )


def _require_apart(varied: Iterable[str], base: Mapping[str, Any]) -> None:
    for field in sorted({*varied} & {*base}):
        raise exits.UsageError(
            f"--config.{field}: {field} is in --sweep too; expected it in one of them"
        )


def _numbers(
    kind: type, parts: Mapping[str, spec.Part], name: str
) -> dict[str, type | None]:
    """Return field -> the type of its numbers."""
    known = {field.name: points.number_type(field) for field in schema.fields(kind)}
    for field, part in parts.items():
        if field not in known:  # which has a message that names the nearest one
            is_listed = isinstance(part, spec.Listed)
            words = part.values[0] if is_listed else (f"{part.low:g}",)
            config.configure(kind, {field: words}, experiment=name)
    return {field: known[field] for field in parts}


def _configs(
    rows: Sequence[Mapping[str, Sequence[str]]],
    base: Mapping[str, Sequence[str]],
    make: Callable[[Mapping[str, Sequence[str]]], Any],
    *,
    may_repeat: bool,
) -> list[Any]:
    """Return the configuration of each trial.

    Raises:
      UsageError: it has none, or that of another trial.
    """
    found = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        try:
            spec.require_words(row)
            found.append(make({**base, **row}))
        except exits.UsageError as error:
            raise exits.UsageError(f"--sweep, trial {number}: {error}") from error
        alike = _NEGATIVE_ZERO.sub("0.0", config.canonical_json(found[-1]))
        first = seen.setdefault(alike, number)
        if first != number and not may_repeat:
            raise exits.UsageError(
                f"--sweep: trials {first} and {number} are the same; expected each once"
            )
    return found


def _value(value: Any) -> Value:
    """Return a value of a configuration as a trial has it."""
    if isinstance(value, tuple | list):
        return tuple(map(_value, value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else str(value)
