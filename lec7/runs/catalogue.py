"""The experiments of a folder: one file each, and its name is the experiment's name.

A file's docstring begins with the question on one line. Paragraphs that begin with
`Run:`, `Expected:`, `Source:` and `Data:` follow; `Expected:` says how long the
experiment takes as `N minutes` or `N-M minutes`, on two CPU cores, or, with the words
`on one GPU` after them, on such a machine.
"""

import ast
import dataclasses
import functools
import importlib.machinery
import importlib.util
import pathlib
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lec7.runs import config, excerpts, exits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Headline:
    """What `--list` shows of an experiment; empty where its docstring does not say."""

    name: str
    question: str
    minutes: str
    data: str
    gpu: bool = False  # whether the minutes are those of a GPU


def names(folder: pathlib.Path) -> list[str]:
    """Return the experiments of a folder, sorted."""
    return sorted(
        path.stem
        for path in folder.glob("*.py")
        if not path.stem.startswith("_")
        and "\nclass Config" in path.read_text(encoding="utf-8")
    )


def headline(folder: pathlib.Path, name: str) -> Headline:
    """Read an experiment's docstring without importing it.

    Args:
      folder: the folder of the experiments.
      name: one of `names(folder)`.

    Returns:
      What the docstring says.
    """
    text = docstring(folder, name)
    expected = _paragraph(text, "Expected")
    minutes = re.search(r"([\d.]+(-[\d.]+)?) min", expected)
    return Headline(
        name=name,
        question=text.partition("\n")[0],
        minutes=minutes[1] if minutes else "",
        data=_paragraph(text, "Data"),
        gpu="minutes on one GPU" in expected,
    )


def docstring(folder: pathlib.Path, name: str) -> str:
    """Return what an experiment says of itself; empty where it says nothing."""
    source = (folder / f"{name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def load(folder: pathlib.Path, name: str) -> types.ModuleType:
    """Import an experiment from its file, whatever else is called `experiments`.

    Args:
      folder: the folder of the experiments.
      name: one of `names(folder)`.

    Returns:
      The module, under the name `experiments.NAME`.
    """
    _open_package(folder)
    qualified = f"experiments.{name}"
    spec = importlib.util.spec_from_file_location(qualified, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module
    spec.loader.exec_module(module)
    return module


def config_class(folder: pathlib.Path, name: str) -> type:
    """Return the class `Config` of an experiment, by its source if that is enough."""
    try:
        return excerpts.read(folder, name, "Config")
    except excerpts.UnreadableError:
        return load(folder, name).Config


def configured(
    folder: pathlib.Path, name: str, settings: Mapping[str, Sequence[str]]
) -> Any:
    """Return a configuration of an experiment, by its source if that is enough.

    Args:
      folder: the folder of the experiments.
      name: one of `names(folder)`.
      settings: dotted field name -> the words given for its value.

    Raises:
      UsageError: see `config.configure`.
    """
    return configurer(folder, name)(settings)


def configurer(
    folder: pathlib.Path, name: str
) -> Callable[[Mapping[str, Sequence[str]]], Any]:
    """Return what makes configurations of an experiment, by its source where it can.

    Args:
      folder: the folder of the experiments.
      name: one of `names(folder)`.

    Returns:
      Settings -> configuration, as `config.configure`; the experiment is read once.

    Raises:
      UsageError: by what is returned; see `config.configure`.
    """
    read, loaded = functools.cache(excerpts.read), functools.cache(load)

    def make(settings: Mapping[str, Sequence[str]]) -> Any:
        try:
            made = config.configure(
                read(folder, name, "Config"), settings, experiment=name
            )
            config.canonical_json(made)
        except exits.UsageError:
            raise
        except Exception:  # a check that needs more than the source
            kind = loaded(folder, name).Config
            return config.configure(kind, settings, experiment=name)
        return made

    return make


def _open_package(folder: pathlib.Path) -> None:
    """Let experiments of a folder import each other from `experiments`.

    Another package of that name keeps its modules, those that it alone has.
    """
    package = sys.modules.get("experiments")
    if package is None:
        spec = importlib.machinery.PathFinder.find_spec("experiments")
        package = sys.modules["experiments"] = types.ModuleType("experiments")
        package.__path__ = [*(spec and spec.submodule_search_locations or ())]
    path = [*getattr(package, "__path__", ())]
    if str(folder) not in path:
        package.__path__ = [str(folder), *path]


def _paragraph(docstring: str, title: str) -> str:
    """Return the text from `title:` to the next empty line or title, on one line."""
    found = re.search(
        rf"^{title}:(.*?)(?=^\s*$|^[A-Z]\w+:|\Z)", docstring, re.MULTILINE | re.DOTALL
    )
    return " ".join(found[1].split()) if found else ""
