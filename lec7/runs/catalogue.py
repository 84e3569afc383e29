"""The experiments of a folder: one file each, and its name is the experiment's name.

A file's docstring begins with the question on one line. Paragraphs that begin with
`Run:`, `Expected:`, `Source:` and `Data:` follow; `Expected:` says how long the
experiment takes as `N minutes` or `N-M minutes`, on two CPU cores, or, with the words
`on one GPU` after them, on such a machine.
"""

import ast
import dataclasses
import importlib.util
import pathlib
import re
import sys
import types


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
    source = (folder / f"{name}.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    expected = _paragraph(docstring, "Expected")
    minutes = re.search(r"([\d.]+(-[\d.]+)?) min", expected)
    return Headline(
        name=name,
        question=docstring.partition("\n")[0],
        minutes=minutes[1] if minutes else "",
        data=_paragraph(docstring, "Data"),
        gpu="minutes on one GPU" in expected,
    )


def load(folder: pathlib.Path, name: str) -> types.ModuleType:
    """Import an experiment from its file, whatever else is called `experiments`.

    Args:
      folder: the folder of the experiments.
      name: one of `names(folder)`.

    Returns:
      The module, under the name `experiments.NAME`.
    """
    qualified = f"experiments.{name}"
    spec = importlib.util.spec_from_file_location(qualified, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module
    spec.loader.exec_module(module)
    return module


def _paragraph(docstring: str, title: str) -> str:
    """Return the text from `title:` to the next empty line or title, on one line."""
    found = re.search(
        rf"^{title}:(.*?)(?=^\s*$|^[A-Z]\w+:|\Z)", docstring, re.MULTILINE | re.DOTALL
    )
    return " ".join(found[1].split()) if found else ""
