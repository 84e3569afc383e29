"""The fields of a configuration: name, type, default, and the comment beside each.

A configuration is a frozen dataclass; a field that is a dataclass itself is nested, and
its fields are named `outer.inner`. The comment of a field stands behind it on its line,
or on the lines above it, and says the unit.
"""

import ast
import dataclasses
import functools
import inspect
import io
import operator
import textwrap
import tokenize
import typing
from collections.abc import Iterator
from typing import Any

MISSING = dataclasses.MISSING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One field that holds a value."""

    name: str  # dotted when nested
    type: Any
    default: Any  # MISSING when the field is required
    comment: str
    limits: str = ""  # what the type says of its range

    @property
    def expected(self) -> str:
        """What to type for a value."""
        return ", ".join(filter(None, [self.kind, self.limits]))

    @property
    def kind(self) -> str:
        """The type, or the words, that a value has."""
        inner = typing.get_args(self.type)
        if self.type is bool:
            return "True or False"
        if typing.get_origin(self.type) is typing.Literal:
            return " or ".join(map(str, inner))
        if inner[1:] == (...,):
            return f"{inner[0].__name__} {inner[0].__name__} ..."
        return self.type.__name__ if isinstance(self.type, type) else str(self.type)

    @property
    def default_text(self) -> str:
        """The default as one would type it."""
        return "(required)" if self.default is MISSING else _as_typed(self.default)


@functools.lru_cache(maxsize=16)  # a sweep asks for each of its trials
def fields(config_class: type) -> tuple[Field, ...]:
    """Return every field of a configuration that holds a value, in order."""
    return tuple(_leaves(config_class, MISSING, ""))


def described(config: Any) -> list[tuple[str, str, str]]:
    """Return each field of a configuration: name, value as one types it, comment."""
    return [
        (field.name, _as_typed(operator.attrgetter(field.name)(config)), field.comment)
        for field in fields(type(config))
    ]


@functools.lru_cache(maxsize=16)
def nested(config_class: type) -> tuple[tuple[dataclasses.Field, Any, bool], ...]:
    """Return each field, its type, and whether that is a dataclass itself."""
    hints = typing.get_type_hints(config_class)
    return tuple(
        (field, hint, isinstance(hint, type) and dataclasses.is_dataclass(hint))
        for field in dataclasses.fields(config_class)
        for hint in [hints[field.name]]
    )


def default_of(field: dataclasses.Field) -> Any:
    """Return the default of a dataclass field, or MISSING."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _as_typed(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return text or "(empty)"


def _leaves(config_class: type, instance: Any, prefix: str) -> Iterator[Field]:
    comments = _comments(config_class)
    hints = typing.get_type_hints(config_class, include_extras=True)
    for field, hint, is_nested in nested(config_class):
        default = getattr(instance, field.name, default_of(field))
        name = prefix + field.name
        if is_nested:
            yield from _leaves(hint, default, f"{name}.")
        else:
            comment = comments.get(field.name, "")
            limits = ", ".join(
                limit.expected
                for limit in getattr(hints[field.name], "__metadata__", ())
            )
            yield Field(
                name=name, type=hint, default=default, comment=comment, limits=limits
            )


def _comments(config_class: type) -> dict[str, str]:
    """Return field name -> its comment, read from the source of the class."""
    found: dict[str, str] = {}
    for ancestor in reversed(config_class.__mro__):
        if dataclasses.is_dataclass(ancestor):
            found |= _comments_in(textwrap.dedent(inspect.getsource(ancestor)))
    return found


def _comments_in(source: str) -> dict[str, str]:
    behind: dict[int, str] = {}
    alone: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            kind = alone if token.line.strip().startswith("#") else behind
            kind[token.start[0]] = token.string.lstrip("# ").rstrip()
    found = {}
    for node in ast.parse(source).body[0].body:
        if isinstance(node, ast.AnnAssign):
            lines = []
            line = node.lineno - 1
            while line in alone:
                lines.insert(0, alone[line])
                line -= 1
            lines.append(behind.get(node.end_lineno, ""))
            found[node.target.id] = " ".join(filter(None, lines))
    return found
