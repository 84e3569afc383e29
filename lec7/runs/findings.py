"""Findings: all that a run has measured, in one file that anyone can read.

Every array of `findings.npz` is named by its path in the findings, such as
`curves/low/history/train_loss`, so that `numpy.load` is enough to look at it. The entry
`structure` is JSON text: how the arrays hang together, and all numbers, words and None
beside them.

Findings are a named tuple or a dataclass of arrays, numbers, words, None, and mappings,
tuples, lists, named tuples and dataclasses of these. The types of its fields name all
the classes that it holds.
"""

import dataclasses
import io
import json
import pathlib
import typing
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from zipfile import BadZipFile

from lec7 import files
from lec7.runs import exits

FILE = "findings.npz"
STRUCTURE = "structure"


def save(
    path: pathlib.Path, found: Any, kind: Any, *, experiment: str, config: str
) -> None:
    """Write a file of findings, whole or not at all; equal findings give equal bytes.

    Args:
      path: of the file.
      found: a named tuple or dataclass, or a container of them; see above.
      kind: its type, which names all the classes in it.
      experiment: whose they are.
      config: its canonical JSON.

    Raises:
      TypeError: something in the findings cannot be saved; the message has its path.
    """
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    tree = _encode(found, "", _records(kind), arrays)
    head = {"experiment": experiment, "config": json.loads(config), "findings": tree}
    arrays[STRUCTURE] = np.array(json.dumps(head))
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    files.write(path, content.getvalue())


def load(path: pathlib.Path, kind: Any, *, experiment: str, config: str) -> Any:
    """Read what `save` wrote.

    Args:
      path: of the file.
      kind: the type of the findings.
      experiment: whose they are.
      config: its canonical JSON.

    Returns:
      The findings, equal to the last bit; a mapping is a dict.

    Raises:
      OSError: the file is missing, or may not be read.
      UsageError: the file is damaged, a folder, of another experiment or
        configuration, or of another version of the experiment.
    """
    import numpy as np

    content = b"" if path.is_dir() else path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        head = json.loads(str(arrays.pop(STRUCTURE)))
        found = head["experiment"], head["config"]
        if found != (experiment, json.loads(config)):
            raise exits.UsageError(
                f"{path} holds findings of {found[0]} with {found[1]}; expected those "
                f"of {experiment} with {config}"
            )
        return _decode(head["findings"], _records(kind), arrays, path)
    except (ValueError, KeyError, OSError, EOFError, BadZipFile, zlib.error) as error:
        raise exits.UsageError(
            f"{path} is damaged ({error}): restore it from a copy, or remove it, and "
            "the command that began the run measures again"
        ) from error


def _encode(value: Any, path: str, known: Mapping[str, type], arrays: dict) -> Any:
    """Return the JSON form of a value, whose arrays are added to `arrays`.

    Raises:
      TypeError: it cannot be saved.
    """
    import numpy as np

    def below(key, child):
        return _encode(child, _join(path, key), known, arrays)

    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.generic) or hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype.kind not in "biufcSU" or path in arrays or path == STRUCTURE:
            raise TypeError(f"findings: {path} cannot be saved, dtype {array.dtype}")
        arrays[path] = array
        return {"scalar" if isinstance(value, np.generic) else "array": path}
    if _is_record(type(value)):
        if known.get(type(value).__name__) is not type(value):
            raise TypeError(
                f"findings: {path or 'they'} hold a {type(value).__qualname__}, which "
                "no field's type names"
            )
        fields = {name: getattr(value, name) for name in _fields(type(value))}
        parts = {name: below(name, child) for name, child in fields.items()}
        return {"record": type(value).__name__, "fields": parts}
    if isinstance(value, Mapping):
        return {"mapping": [[_key(k, path), below(k, v)] for k, v in value.items()]}
    if type(value) in (tuple, list):
        return {type(value).__name__: [below(i, v) for i, v in enumerate(value)]}
    raise TypeError(
        f"findings: {path} is a {type(value).__qualname__}; expected arrays, "
        "numbers, words, or a container of these"
    )


def _decode(node: Any, known: Mapping[str, type], arrays: Mapping, path: Any) -> Any:
    """Return the value of which `_encode` made the JSON form.

    Raises:
      UsageError: a record has other fields than its class.
    """

    def below(child):
        return _decode(child, known, arrays, path)

    if not isinstance(node, dict):
        return node
    (kind, content), *_ = node.items()
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        return arrays[content][()]
    if kind == "mapping":
        return {_unkey(key): below(child) for key, child in content}
    if kind == "tuple":
        return tuple(map(below, content))
    if kind == "list":
        return list(map(below, content))
    fields, made = node["fields"], known.get(content)
    if made is None or list(fields) != _fields(made):
        raise exits.UsageError(
            f"{path} is of another version: its {content} has {', '.join(fields)}; "
            f"expected {', '.join(_fields(made)) if made else 'no ' + content}: run "
            "the experiment again in an empty folder"
        )
    return made(**{name: below(child) for name, child in fields.items()})


def _join(path: str, key: Any) -> str:
    words = map(str, key) if isinstance(key, tuple) else [str(key)]
    word = ", ".join(words).replace("/", "∕")
    return f"{path}/{word}" if path else word


def _key(key: Any, path: str) -> Any:
    if isinstance(key, tuple):
        return [_key(part, path) for part in key]
    if key is not None and type(key) not in (bool, int, float, str):
        raise TypeError(
            f"findings: {path} has the key {key!r}; expected words, numbers"
        )
    return key


def _unkey(key: Any) -> Any:
    return tuple(map(_unkey, key)) if isinstance(key, list) else key


def _is_record(kind: Any) -> bool:
    named = isinstance(kind, type) and issubclass(kind, tuple) and kind is not tuple
    return named or isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _fields(kind: type) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return list(kind._fields)


def _records(kind: Any) -> dict[str, type]:
    """Return name -> class of all records that the types of a record's fields name."""
    found: dict[str, type] = {}
    for record in _walk(kind, found):
        found[record.__name__] = record
    return found


def _walk(hint: Any, seen: Mapping[str, type]) -> Iterator[type]:
    if _is_record(hint):
        if hint.__name__ not in seen:
            yield hint
            for inner in typing.get_type_hints(hint).values():
                yield from _walk(inner, seen)
    elif typing.get_origin(hint) is not None:
        for inner in typing.get_args(hint):
            yield from _walk(inner, seen)
