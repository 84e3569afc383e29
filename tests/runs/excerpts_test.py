"""What is read of an experiment's source is what an import makes of it."""

import pathlib
import sys

import pytest

from lec7 import runs
from lec7.runs import catalogue, excerpts

EXPERIMENTS = pathlib.Path(__file__).parent.parent.parent / "experiments"


@pytest.mark.parametrize("name", runs.names(EXPERIMENTS))
def test_a_configuration_is_the_same_by_its_source_as_by_import(name):
    by_source = excerpts.read(EXPERIMENTS, name, "Config")
    imported = runs.load(EXPERIMENTS, name).Config
    assert by_source is not imported
    assert runs.canonical_json(by_source()) == runs.canonical_json(imported())
    for read, known in zip(runs.fields(by_source), runs.fields(imported), strict=True):
        assert (read.name, read.expected) == (known.name, known.expected)
        assert (read.default_text, read.comment) == (known.default_text, known.comment)


@pytest.fixture
def folder(tmp_path):
    """A folder with a module that makes an import of it visible."""
    (tmp_path / "parts.py").write_text(
        "import jax\n"
        "MEASURES = {'a': jax.grad, 'b': jax.jit}\n"
        "SIZE, OTHER = 3, jax.device_count\n"
    )
    return tmp_path


def write(folder, fields, rest=""):
    (folder / "one.py").write_text(
        '"""Is it?"""\nimport dataclasses\nfrom experiments import parts\n'
        f"from lec7 import runs\nraise_if_run = 1 / 0\n{rest}\n"
        "@dataclasses.dataclass(frozen=True, kw_only=True)\n"
        f"class Config(runs.Checked):\n    {fields}\n"
    )


def test_of_a_table_of_functions_the_names_are_read(folder):
    write(folder, "names: runs.Some[tuple(parts.MEASURES)] = ('a',)  # which")
    (field,) = runs.fields(excerpts.read(folder, "one", "Config"))
    assert field.expected.endswith("different ones of a, b")
    assert (field.comment, field.default_text) == ("which", "a")


@pytest.mark.parametrize(
    "fields",
    ["n: int = parts.OTHER()", "n: int = parts.MEASURES['a'](abs)", "n: Absent = 1"],
)
def test_what_needs_an_import_is_not_made_up(folder, fields):
    write(folder, fields)
    with pytest.raises(excerpts.UnreadableError):
        excerpts.read(folder, "one", "Config")


def test_a_check_that_needs_an_import_is_left_to_the_import(folder, monkeypatch):
    write(folder, "n: int = 1\n    def _check(self):\n        parts.jax.grad(abs)")
    text = (folder / "one.py").read_text().replace("1 / 0", "1")
    (folder / "one.py").write_text(text)
    monkeypatch.setitem(sys.modules, "experiments.parts", None)
    monkeypatch.delitem(sys.modules, "experiments.parts")
    made = runs.configured(folder, "one", {"n": ["3"]})
    assert (made.n, type(made)) == (3, sys.modules["experiments.one"].Config)


def test_a_value_out_of_range_is_refused_by_the_source_alone(folder):
    write(folder, "n: runs.Count = 1")
    with pytest.raises(runs.UsageError, match="n is 0; expected at least 1"):
        runs.configured(folder, "one", {"n": ["0"]})


def test_reading_leaves_no_module_that_an_import_would_find(folder):
    write(folder, "n: int = 1")
    before = {name for name in sys.modules if name.startswith("experiments")}
    assert catalogue.config_class(folder, "one").__name__ == "Config"
    assert before == {name for name in sys.modules if name.startswith("experiments")}
