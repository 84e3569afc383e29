"""Docstrings as Markdown: what is indented, such as a formula, is code.

A docstring sets a formula apart by indenting it by two spaces or more. Markdown wants
four, and without them would run it into the paragraph. Examples are what the parser of
docstrings calls the section that our docstrings call Example.
"""

import re

import griffe

SECTION = re.compile(
    "^(?=(?:Args|Attributes|Examples|Raises|References|Returns|Yields):$)", re.MULTILINE
)


class Formulas(griffe.Extension):
    """Indent what a docstring indents, as Markdown wants it."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: object) -> None:
        """Rewrite the docstring of a function, class or module."""
        del kwargs
        if obj.docstring:
            obj.docstring.value = indented(obj.docstring.value)


def indented(text: str) -> str:
    """Return a docstring whose formulas before `Args:` and its like are code."""
    text = text.replace("\nExample:\n", "\nExamples:\n")
    text = text.replace("][M]", "]\\[M]")  # axes, and no reference of Markdown
    head, *rest = SECTION.split(text, maxsplit=1)
    lines = [""]
    for line in head.splitlines():
        formula = line.startswith("  ")
        if line and lines[-1] and formula != lines[-1].startswith("  "):
            lines.append("")
        lines.append(f"    {line}" if formula else line)
    return "\n".join([*lines[1:], *(["", rest[0]] if rest else [])])
