"""What a sweep is: its trials, each checked before anything is written."""

import dataclasses
import hashlib
import operator
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lec7.runs import catalogue, config, exits, schema
from lec7.sweeps import points, spec
from lec7.sweeps.trials import Trial, Value

FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is written of a sweep, and makes its trials again."""

    experiment: str
    base: dict[str, list[str]]  # field -> words, the same in every trial
    spec: Any  # field -> the text of its values, or the trials of a file
    seed: int | None  # of what is drawn; None where nothing is
    members: int  # networks that are trained together, at most
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
    if text.endswith(".json") and "=" not in text:
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
            number, {field: _value(operator.attrgetter(field)(made)) for field in row}
        )
        for number, (row, made) in enumerate(zip(rows, configs, strict=True))
    ]
    networks = [len(getattr(made, "seeds", (0,))) for made in configs]
    return Plan(sweep, found, networks)


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
            found.append(make({**base, **row}))
        except exits.UsageError as error:
            raise exits.UsageError(f"--sweep, trial {number}: {error}") from error
        first = seen.setdefault(config.canonical_json(found[-1]), number)
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
