"""Notebooks are made from the tutorials, and run."""

import json

import pytest

from docs.notebooks import __main__ as notebooks
from tests import tutorials_test


def sources(cells):
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]


@pytest.mark.parametrize("name", notebooks.PAGES)
def test_a_notebook_has_the_text_and_the_code_of_its_tutorials(name):
    path = notebooks.FOLDER / f"{name}.ipynb"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert sources(kept["cells"]) == sources(notebooks.cells(name))


@pytest.mark.parametrize("name", notebooks.PAGES)
def test_a_notebook_shows_what_its_tutorials_say(name):
    path = notebooks.FOLDER / f"{name}.ipynb"
    kept = json.loads(path.read_text(encoding="utf-8"))
    shown = "".join(
        "".join(output["text"])
        for cell in kept["cells"]
        for output in cell.get("outputs", ())
        if output.get("name") == "stdout"
    )
    told = "".join(
        block
        for page in notebooks.PAGES[name]
        for language, block in notebooks.BLOCK.findall(
            (notebooks.TUTORIALS / f"{page}.md").read_text(encoding="utf-8")
        )
        if language == "text"
    )
    tutorials_test.require_alike(shown, told)


@pytest.mark.slow
@pytest.mark.parametrize("name", notebooks.PAGES)
def test_a_notebook_runs(name, tmp_path):
    pytest.importorskip("nbclient")
    for cell in notebooks.executed(name, str(tmp_path)).cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
