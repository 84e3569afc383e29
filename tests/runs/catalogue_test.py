import importlib
import sys

import pytest

from lec7 import runs
from lec7.runs import listing, series

SOURCE = '''"""Does the fake do what it says?

Run: python launch.py --experiment=fake
Expected: a gap of 0.3 +- 0.1,
  in about {minutes} minutes.

Source: nobody.
Data: digits, 1,797 images
  of 8x8.
"""

from dataclasses import dataclass

VALUE = 7
'''


@pytest.mark.parametrize("minutes", ["2", "0.5", "1-2"])
def test_a_headline_is_read_without_an_import(tmp_path, minutes):
    source = SOURCE.format(minutes=minutes) + "\nraise RuntimeError('imported')\n"
    (tmp_path / "fake.py").write_text(source)
    assert runs.headline(tmp_path, "fake") == runs.Headline(
        name="fake",
        question="Does the fake do what it says?",
        minutes=minutes,
        data="digits, 1,797 images of 8x8.",
    )


def test_a_bare_file_has_an_empty_headline(tmp_path):
    (tmp_path / "bare.py").write_text("")
    assert runs.headline(tmp_path, "bare") == runs.Headline(
        name="bare", question="", minutes="", data=""
    )


def test_the_experiments_are_the_files_that_define_a_config(tmp_path):
    for name in ("b.py", "a.py", "__init__.py", "_own.py", "notes.md"):
        (tmp_path / name).write_text("\nclass Config:\n    ...")
    (tmp_path / "shared.py").write_text("def run(config): ...")
    assert runs.names(tmp_path) == ["a", "b"]


def test_an_experiment_is_loaded_from_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "experiments", None)
    monkeypatch.setitem(sys.modules, "experiments.fake", None)
    (tmp_path / "fake.py").write_text(SOURCE.format(minutes=1))
    module = runs.load(tmp_path, "fake")
    assert (module.VALUE, module.__name__) == (7, "experiments.fake")
    assert sys.modules["experiments.fake"] is module


def forget():
    """Take all that is called `experiments` out of what is imported, and return it."""
    names = [name for name in sys.modules if name.split(".")[0] == "experiments"]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def no_experiments():
    before = forget()
    yield
    forget()
    sys.modules.update(before)


def test_experiments_import_each_other_beside_another_package_of_that_name(
    tmp_path, monkeypatch, no_experiments
):
    for place in ("ours", "theirs"):
        (tmp_path / place / "experiments").mkdir(parents=True)
        for name in ("__init__", "shared", place):
            path = tmp_path / place / "experiments" / f"{name}.py"
            path.write_text(f"PLACE = {place!r}\n")
        path.write_text(f"PLACE = {place!r}\nfrom experiments import shared\n")
    monkeypatch.syspath_prepend(tmp_path / "theirs")
    ours = runs.load(tmp_path / "ours" / "experiments", "ours")
    assert ours.shared.PLACE == "ours"
    assert importlib.import_module("experiments.theirs").PLACE == "theirs"
    forget()
    theirs = importlib.import_module("experiments.theirs")
    ours = runs.load(tmp_path / "ours" / "experiments", "ours")
    assert (ours.PLACE, theirs.shared.PLACE) == ("ours", "theirs")
    assert importlib.import_module("experiments.theirs") is theirs


def test_a_default_of_every_word_there_is_is_described_as_all(tmp_path):
    (tmp_path / "one.py").write_text(
        '"""Is it?"""\nimport dataclasses\nfrom lec7 import runs\n\n\n'
        "@dataclasses.dataclass(frozen=True, kw_only=True)\n"
        "class Config(runs.Checked):\n"
        '    every: runs.Some["a", "b"] = ("a", "b")  # which\n'
        '    some: runs.Some["a", "b"] = ("b",)  # which\n'
    )
    rows = [row.split()[:2] for row in runs.description(tmp_path, "one").splitlines()]
    assert ["--config.every", "all"] in rows
    assert ["--config.some", "b"] in rows


def test_what_needs_a_gpu_is_not_among_the_runs_of_all(tmp_path):
    for name, machine in (("large", "one GPU"), ("plain", "two CPU cores")):
        told = f'"""Is it?\n\nExpected: 3 minutes on {machine}.\n"""'
        (tmp_path / f"{name}.py").write_text(f"{told}\n\nclass Config: ...\n")
    assert [job.experiment for job in series.plan(tmp_path)] == ["plain"]
    assert "3, on a GPU" in listing.overview(tmp_path)
