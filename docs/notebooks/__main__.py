"""Notebooks made from the tutorials, with what their code prints and draws.

Run: python -m docs.notebooks             all of them, and the pictures of the tutorials
     python -m docs.notebooks nnx sam

A tutorial is written once, as Markdown. Blocks of `python` become cells; blocks of
`text`, which say what a block prints, and pictures give way to the cell's own output.
"""

import pathlib
import re
import shutil
import sys
import tempfile
from typing import Any

FOLDER = pathlib.Path(__file__).parent
TUTORIALS, IMAGES = FOLDER.parent / "tutorials", FOLDER.parent / "images"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = {
    "own_model": ("own_model",),
    "nnx": ("nnx",),
    "sam": ("sam",),
    "ensembles": ("ensembles",),
    "landscape_and_curvature": ("curvature", "landscape"),
}


def cells(name: str) -> list[dict[str, Any]]:
    """Return the cells of a notebook, not yet executed."""
    made = []
    for page in PAGES[name]:
        text = (TUTORIALS / f"{page}.md").read_text(encoding="utf-8")
        prose, *blocks = BLOCK.split(text)
        made.append(("markdown", prose))
        for language, block, prose in zip(
            *(blocks[i::3] for i in range(3)), strict=True
        ):
            if language == "python":
                made.append(("code", block))
            made.append(("markdown", prose))
    told = ((kind, _source(kind, text)) for kind, text in made)
    return [
        _cell(kind, source, f"cell-{index}")
        for index, (kind, source) in enumerate(item for item in told if item[1])
    ]


def _source(kind: str, text: str) -> str:
    if kind == "markdown":
        text = re.sub(r"^!\[.*?\]\(.*?\)$", "", text, flags=re.MULTILINE)
        text = re.sub(r"^As a \[notebook\].*$", "", text, flags=re.MULTILINE)
        text = re.sub(r"\]\((\w+\.md)", r"](../tutorials/\1", text)
    return text.strip()


def _cell(kind: str, source: str, name: str) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": name, "metadata": {}, "source": source}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def executed(name: str, folder: str) -> dict[str, Any]:
    """Return a notebook as its kernel leaves it; files it writes are in the folder."""
    import nbclient
    import nbformat

    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.from_dict(
        {
            "cells": cells(name),
            "metadata": {"kernelspec": spec},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        startup_timeout=120,
        record_timing=False,
        resources={"metadata": {"path": folder}},
    )
    notebook = client.execute()
    notebook.metadata.pop("language_info", None)  # names the version of Python
    return notebook


def main(names: list[str]) -> None:
    """Write notebooks, all unless some are named."""
    import nbformat

    for name in names or PAGES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(name, folder)
            for picture in pathlib.Path(folder).glob("*.png"):
                shutil.copy(picture, IMAGES)
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
