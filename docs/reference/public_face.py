"""The public face as it is imported, and its docstrings as Markdown.

A package's `__init__` says what is public: `lec7.update_rules.adam` is the function of
the module of that name, which would otherwise hide it.

A docstring sets a formula apart by indenting it by two spaces or more. Markdown wants
four, and without them would run it into the paragraph. Examples are what the parser of
docstrings calls the section that our docstrings call Example.
"""

import re

import griffe

SECTION = re.compile(
    "^(?=(?:Args|Attributes|Examples|Raises|References|Returns|Yields):$)", re.MULTILINE
)


class PublicFace(griffe.Extension):
    """Show what a package exports, and indent what its docstrings indent."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: object) -> None:
        """Let the exports of every face stand for what they are imported from."""
        del kwargs
        for face in pkg.modules.values():
            targets = {
                name: pkg[face.imports[name].removeprefix(f"{pkg.name}.")]
                for name in map(str, face.exports or ())
                if name in face.imports
            }
            for name, target in targets.items():
                if target is not face.members[name]:  # a module that is public
                    face.members[name] = griffe.Alias(name, target, parent=face)

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
