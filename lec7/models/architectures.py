"""The architectures by name, for configurations that choose among them."""

import dataclasses
import difflib
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from flax import linen as nn

from lec7.models import convnet, mlp, resnet

ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = {
    "mlp": mlp.MLP,
    "convnet": convnet.ConvNet,
    "resnet20": resnet.resnet20,
    "resnet56": resnet.resnet56,
    "resnet110": resnet.resnet110,
    "resnet18": resnet.resnet18,
    "resnet50": resnet.resnet50,
}
"""Name -> what makes the network, given `num_classes` and other fields of it."""


class Classified(Protocol):
    """A data set whose examples belong to one of K classes."""

    num_classes: int


def make(name: str, dataset: Classified | None = None, **fields: Any) -> nn.Module:
    """Return the network of a name for a data set.

    Args:
      name: one of `ARCHITECTURES`.
      dataset: whose `num_classes` K is; unneeded where K is among the fields.
      **fields: of the network, instead of those that the name stands for.

    Raises:
      ValueError: there is no such architecture, or the architecture lacks a field.

    Example:
      >>> from lec7 import data
      >>> digits = data.load("digits")
      >>> make("mlp", digits, widths=(64,)).num_classes
      10
      >>> make("resnet56", digits).blocks
      (9, 9, 9)
    """
    known = fields_of(name)
    for field in fields:
        _require(f"field of {name}", field, known)
    if dataset is not None:
        fields = {"num_classes": dataset.num_classes, **fields}
    return ARCHITECTURES[name](**fields)


def fields_of(name: str) -> tuple[str, ...]:
    """Return the names of the fields that the network of a name has.

    Raises:
      ValueError: there is no such architecture.

    Example:
      >>> fields_of("mlp")[:3]
      ('num_classes', 'widths', 'activation')
    """
    _require("name of an architecture", name, ARCHITECTURES)
    builder = ARCHITECTURES[name]
    network = builder.func if isinstance(builder, functools.partial) else builder
    return tuple(field.name for field in dataclasses.fields(network))


def _require(what: str, word: str, known: Iterable[str]) -> None:
    """Refuse a word that is not known, naming the nearest one.

    Raises:
      ValueError: it is not.
    """
    known = list(known)
    if word not in known:
        nearest = difflib.get_close_matches(word, known, n=1, cutoff=0)[0]
        raise ValueError(
            f"{what} is {word!r}; expected one of {', '.join(known)}; did you mean "
            f"{nearest}?"
        )
