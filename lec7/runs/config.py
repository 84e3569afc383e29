"""A configuration from the words of a command line, and its canonical form."""

import contextlib
import dataclasses
import difflib
import functools
import io
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lec7 import program
from lec7.runs import exits, schema


def configure(
    config_class: type, settings: Mapping[str, Sequence[str]], *, experiment: str
) -> Any:
    """Return the configuration of an experiment with some fields set.

    Args:
      config_class: the experiment's frozen dataclass.
      settings: dotted field name -> the words given for its value.
      experiment: its name, for the messages.

    Returns:
      The configuration.

    Raises:
      UsageError: a field does not exist or is missing, a value is of the wrong type, or
        the dataclass's own check refuses it.
    """
    known = {field.name: field for field in schema.fields(config_class)}
    hint = f"({program.command()} --describe={experiment} lists the fields)"
    _require_fields(settings, known, f"field of {experiment}", hint)
    values = {name: _value(known[name], words) for name, words in settings.items()}
    try:
        return _built(config_class, schema.MISSING, "", values)
    except ValueError as error:
        given = " ".join(_flag(name, words) for name, words in settings.items())
        raise exits.UsageError(f"{given or experiment}: {error} {hint}") from error


def canonical_json(config: Any) -> str:
    """Return a configuration as JSON text that is equal for equal configurations.

    Args:
      config: a dataclass of numbers, text, paths, tuples, dicts and dataclasses.

    Returns:
      The text, without spaces, keys in alphabetical order.

    Example:
      >>> canonical_json(dataclasses.make_dataclass("C", ["seeds", "rho"])((0, 1), 0.5))
      '{"rho":0.5,"seeds":[0,1]}'
    """
    return _json(dataclasses.asdict(config))


def restore(config_class: type, values: Mapping[str, Any]) -> Any:
    """Return the configuration of which `canonical_json` is the JSON.

    Args:
      config_class: the experiment's frozen dataclass.
      values: what the JSON holds.

    Raises:
      UsageError: the fields are those of another version of the experiment.
    """
    hints = {field.name: hint for field, hint, _ in schema.nested(config_class)}
    if set(hints) != set(values):
        odd = ", ".join(sorted(set(hints) ^ set(values)))
        raise exits.UsageError(
            f"the run is of another version of the experiment: {odd} is in one of the "
            "two only; run it again in an empty folder"
        )
    return config_class(**{name: _of(hints[name], v) for name, v in values.items()})


def _of(hint: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        return restore(hint, value)
    if hint is pathlib.Path:
        return pathlib.Path(value)
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _json(value: Any) -> str:
    return json.dumps(
        value, allow_nan=False, default=_plain, separators=(",", ":"), sort_keys=True
    )


def _plain(value: Any) -> str:
    if isinstance(value, pathlib.PurePath):
        return str(value)
    raise TypeError(f"a configuration cannot hold {value!r}, which has no JSON form")


def _flag(name: str, words: Sequence[str]) -> str:
    return f"--config.{name}={' '.join(words)}"


def _require_fields(
    settings: Mapping[str, Sequence[str]],
    known: Mapping[str, schema.Field],
    kind: str,
    hint: str,
) -> None:
    for name, words in settings.items():
        if name not in known:
            raise exits.UsageError(
                f"{_flag(name, words)}: no such {kind}{_meant(name, words, known)} "
                f"{hint}"
            )
    for name, field in known.items():
        if field.default is schema.MISSING and name not in settings:
            raise exits.UsageError(
                f"--config.{name}: missing; expected {field.expected} {hint}"
            )


def _meant(name: str, words: Sequence[str], known: Mapping[str, schema.Field]) -> str:
    """Return the end of a message about a wrong name: fields that take the value."""
    fitting = {n: f"--config.{n}" for n, f in known.items() if _fits(f, words)}
    parts = [part for part in name.split("_") if len(part) > 2]
    related = [form for n, form in fitting.items() if set(parts) & set(n.split("_"))]
    close = difflib.get_close_matches(name, fitting, n=1, cutoff=0.75)
    if close or len(related) < 2:
        return exits.did_you_mean(name, fitting)
    return f"; did you mean {' or '.join(related)}?"


def _fits(field: schema.Field, words: Sequence[str]) -> bool:
    try:
        _value(field, words)
    except exits.UsageError:
        return False
    return True


def _value(field: schema.Field, words: Sequence[str]) -> Any:
    try:
        value = _parsed(field.type, tuple(words))
        _json(value)
    except (SystemExit, ValueError) as error:
        finite = ", which is finite" if isinstance(error, ValueError) else ""
        choices = {choice: choice for choice in field.kind.split(" or ")}
        raise exits.UsageError(
            f"{_flag(field.name, words)}: expected {field.expected}{finite}"
            f"{exits.did_you_mean(' '.join(words), choices)}{_as_meant(field, words)}"
            "; the default is "
            f"{field.default_text}{field.comment and f' ({field.comment})'}"
        ) from error
    return value


@functools.lru_cache(maxsize=4096)  # the trials of a sweep have values in common
def _parsed(kind: Any, words: tuple[str, ...]) -> Any:
    if kind in (int, float) and len(words) == 1:
        with contextlib.suppress(ValueError):  # else tyro is to say what is wrong
            return kind(words[0])
    # tyro reads the value, by a dataclass that has this field alone; its message, a box
    # that points to another --help than ours, gives way to one line.
    import tyro

    single = dataclasses.make_dataclass("Single", [("value", kind)])
    args = [f"--value={words[0]}", *words[1:]]
    with contextlib.redirect_stderr(io.StringIO()):
        return tyro.cli(single, args=args, config=(tyro.conf.FlagConversionOff,)).value


def _as_meant(field: schema.Field, words: Sequence[str]) -> str:
    """Return how to type what the words say in another notation, if that is clear."""
    text = " ".join(words)
    if field.kind.endswith("..."):
        parts = re.split(r"[\s,;]+", text.strip("()[]{} ,;"))
        spaced = f"; type --config.{field.name} {' '.join(parts)}"
        return spaced if parts != [*words] else ""
    with contextlib.suppress(ValueError, OverflowError):
        if field.kind == "int" and float(text).is_integer():
            return f"; type --config.{field.name}={int(float(text))}"
    return ""


def _built(
    config_class: type, instance: Any, prefix: str, values: Mapping[str, Any]
) -> Any:
    changes = {}
    for field, hint, is_nested in schema.nested(config_class):
        name = prefix + field.name
        if name in values:
            changes[field.name] = values[name]
        elif is_nested and any(key.startswith(f"{name}.") for key in values):
            inner = getattr(instance, field.name, schema.default_of(field))
            changes[field.name] = _built(hint, inner, f"{name}.", values)
    if instance is schema.MISSING:
        return config_class(**changes)
    return dataclasses.replace(instance, **changes)
