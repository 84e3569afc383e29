"""The code of a tutorial runs from top to bottom, and prints what the page says."""

import contextlib
import io
import pathlib
import re
import sys
import types

import matplotlib.pyplot as plt
import pytest

from docs.notebooks.__main__ import BLOCK

PAGES = sorted(
    (pathlib.Path(__file__).parent.parent / "docs" / "tutorials").glob("*.md")
)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Run in an empty folder, and forget what the page imports and draws."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEC7_DATA_DIR", str(tmp_path / "records"))
    monkeypatch.setenv("LEC7_ZOO_DIR", str(tmp_path / "zoo"))
    monkeypatch.setitem(sys.modules, "page", types.ModuleType("page"))
    yield
    plt.close("all")


def run(code, line, path):
    """Run a block in the namespace of the page; return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n" * line + code, path, "exec"), vars(sys.modules["page"]))
    return printed.getvalue()


def require_alike(printed, expected):
    """Compare word by word, and numbers to a tenth: rounding differs by machine."""
    words, wanted = (
        NUMBER.sub("#", text).replace("[ ", "[").split() for text in (printed, expected)
    )
    assert words == wanted
    found, wanted = (
        [float(number) for number in NUMBER.findall(text)]
        for text in (printed, expected)
    )
    assert found == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_code_of_a_tutorial_prints_what_the_page_says(path):
    page, printed = path.read_text(encoding="utf-8"), ""
    for block in BLOCK.finditer(page):
        language, text = block.groups()
        if language == "text":
            require_alike(printed, text)
            printed = ""
        else:
            assert not printed, "what a block prints stands below it"
            printed = run(text, page.count("\n", 0, block.start(2)), path)
    assert not printed
    tests = [
        value
        for name, value in vars(sys.modules["page"]).items()
        if name.startswith("test_")
    ]
    for test in tests:
        test()
