"""The grammar of `--sweep`: which fields vary, and over what.

    learning_rate=log(1e-4,1,9);batch_size=16,64;seeds=10

Parts with `;` between them. A part is a field, dotted where it is nested, `=`, and

    a,b,c        a list of values; of a field that is a list, each has spaces: 0 1,2 3
    log(a,b,n)   n numbers from a to b, both included, whose ratios are equal
    lin(a,b,n)   n numbers from a to b, both included, whose differences are equal
    log(a,b)     a number drawn from a to b, its logarithm uniformly; wants `--trials`
    lin(a,b)     a number drawn from a to b, uniformly; wants `--trials`

`seeds=10` stands for the seeds 0 to 9 in every trial.
"""

import json
import math
import pathlib
import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lec7.runs import exits

_FORM = "expected parts such as rate=log(1e-4,1,9) or batch_size=16,64, with ; between"
_FUNCTION = re.compile(r"(log|lin)\((.*)\)")
_LIKE_ONE = re.compile(r"\b(log|lin)\w*\s*\(", re.IGNORECASE)
_FORMS = (
    "a list a,b,c, or one of log(FROM,TO,HOW MANY), lin(FROM,TO,HOW MANY), "
    "log(FROM,TO) and lin(FROM,TO), alone"
)
_SEEDS = re.compile(r"[\d_+-]+")
_LARGEST = 2**26  # bytes of a file of trials
_LONGEST = 30_000  # letters, of four bytes at most, of which Linux takes 131,072
MOST = 100_000
"""Trials of a sweep; each is a folder."""


class Listed(NamedTuple):
    """A list of values."""

    values: tuple[tuple[str, ...], ...]
    """The words of each."""
    text: str
    """As it was given, here and below."""


class Spaced(NamedTuple):
    """Numbers from one to another, or a range to draw from."""

    scale: str
    """`log` or `lin`."""
    low: float
    high: float
    count: int | None
    """None is a range to draw from."""
    text: str


Part = Listed | Spaced


def read(text: str) -> dict[str, Part]:
    """Return which fields a sweep varies, and over what.

    Args:
      text: see the module.

    Raises:
      UsageError: it is not of the grammar.

    Example:
      >>> read("batch_size=16,64;rate=lin(0,1,3)")["batch_size"].values
      (('16',), ('64',))
    """
    found: dict[str, Part] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        field, equals, values = (word.strip() for word in part.partition("="))
        if not equals or not field:
            raise exits.UsageError(f"--sweep: {part!r} has no value; {_FORM}")
        if field in found:
            raise exits.UsageError(f"--sweep: {field} is given twice; expected it once")
        found[field] = _part(field, values)
    if not found:
        raise exits.UsageError(f"--sweep={text}: it varies nothing; {_FORM}")
    return found


def read_file(path: pathlib.Path) -> list[dict[str, list[str]]]:
    """Return the trials of a JSON file: of each, field -> the words of its value.

    Raises:
      UsageError: the file is not a list of objects of values.
    """
    try:
        listed = json.loads(_content(path), object_pairs_hook=_object)
    except (OSError, ValueError, RecursionError) as error:
        told = getattr(error, "strerror", None) or error
        raise exits.UsageError(f"--sweep={path}: {told}; expected JSON") from error
    if not isinstance(listed, list) or not listed:
        raise exits.UsageError(
            f"--sweep={path}: expected a list of objects, field -> value, one a trial"
        )
    return [_settings(path, place, entry) for place, entry in enumerate(listed)]


def draws(parts: Mapping[str, Part]) -> bool:
    """Return whether a field has a range to draw from."""
    return any(
        isinstance(part, Spaced) and part.count is None for part in parts.values()
    )


def require_few(count: int) -> None:
    """Refuse more trials than `MOST`.

    Raises:
      UsageError: there are more.
    """
    if count > MOST:
        raise exits.UsageError(
            f"--sweep: {count:,} trials; expected at most {MOST:,}: give fewer values, "
            "or ranges and --trials=N"
        )


def is_file(text: str) -> bool:
    """Return whether a sweep is named by a file that lists its trials."""
    return text.lower().endswith(".json") and "=" not in text


def require_words(row: Mapping[str, Sequence[str]]) -> None:
    """Refuse what no process can be told.

    Raises:
      UsageError: it is so.
    """
    for field, words in row.items():
        for word in (field, *words):
            if "\0" in word or not word.isascii() and not _is_text(word):
                raise exits.UsageError(
                    f"{field!a} is {word!a:.60}; expected text without NUL and without "
                    "half of a surrogate pair, since a process is to be told it"
                )
            if len(word) > _LONGEST:
                raise exits.UsageError(
                    f"{field:.60} has {len(word):,} letters; expected at most "
                    f"{_LONGEST:,}, since a process is to be told it"
                )


def _is_text(word: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in word)


def _content(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST // 2**20} MiB")
    return content.decode("utf-8-sig")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} is given twice in one object")
    return found


def _part(field: str, text: str) -> Part:
    function = _FUNCTION.fullmatch(text)
    if function:
        return _spaced(field, text, *function.groups())
    if _LIKE_ONE.search(text):
        raise exits.UsageError(f"--sweep: {field}={text}: expected {_FORMS}")
    if field == "seeds" and _SEEDS.fullmatch(text):
        return Listed((_first_seeds(text),), text)
    values = tuple(tuple(value.split()) for value in text.split(","))
    if () in values:
        raise exits.UsageError(f"--sweep: {field}={text}: a value is empty; {_FORM}")
    if len({*values}) < len(values):
        raise exits.UsageError(
            f"--sweep: {field}={text}: a value is given twice; expected each once"
        )
    return Listed(values, text)


def _first_seeds(text: str) -> tuple[str, ...]:
    digits = text.lstrip("0")
    count = int(digits) if digits.isdecimal() and len(digits) < 9 else 0
    if not 1 <= count <= MOST:
        raise exits.UsageError(
            f"--sweep: seeds={text}: expected how many, from 1 to {MOST:,}, which "
            "stands for the seeds from 0"
        )
    return tuple(map(str, range(count)))


def _spaced(field: str, text: str, scale: str, inside: str) -> Spaced:
    def wrong(expected: str) -> exits.UsageError:
        return exits.UsageError(f"--sweep: {field}={text}: expected {expected}")

    words = [word.strip() for word in inside.split(",")]
    try:
        low, high = map(float, words[:2])
        count = int(words[2]) if words[2:] else None
    except ValueError as error:
        raise wrong(f"{scale}(FROM,TO,HOW MANY) or {scale}(FROM,TO)") from error
    if len(words) > 3:
        raise wrong(f"{scale}(FROM,TO,HOW MANY) or {scale}(FROM,TO)")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise wrong("two finite numbers, the smaller one first")
    if not math.isfinite(high - low):
        raise wrong("numbers whose difference is finite")
    if scale == "log" and low <= 0:
        raise wrong("numbers above 0, since it spaces logarithms")
    if count is not None and count < 2:
        raise wrong("2 numbers or more, since both ends are among them")
    require_few(count or 0)
    return Spaced(scale, low, high, count, text)


def _settings(path: pathlib.Path, place: int, entry: Any) -> dict[str, list[str]]:
    if not isinstance(entry, dict):
        raise exits.UsageError(
            f"--sweep={path}: entry {place} is {reprlib.repr(entry)}; expected an "
            "object, field -> value"
        )
    found = {}
    for field, value in entry.items():
        values = value if isinstance(value, list) else [value]
        if not values or any(isinstance(one, dict | list) for one in values):
            raise exits.UsageError(
                f"--sweep={path}: entry {place}, {field} is {reprlib.repr(value)}; "
                "expected a number, a word, or a list of them"
            )
        found[field] = [str(one) for one in values]
    return found
