"""One program by three names, installed or in a checkout."""

import pathlib
import subprocess
import sys
import tomllib

import pytest

from lec7 import program
from lec7.command import entry

ROOT = pathlib.Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def same_name_afterwards():
    before = program.words()
    yield
    program.called_as(before[0])


def test_every_package_and_the_experiments_are_in_the_wheel():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "lec7").rglob("__init__.py")
    }
    packages = told["tool"]["setuptools"]["packages"]
    assert set(packages) == found | {"lec7.experiments"}
    assert told["project"]["scripts"] == {"lec7": "lec7.__main__:main"}


@pytest.mark.parametrize(
    ("word", "name", "command"),
    [
        ("launch.py", "launch.py", "python launch.py"),
        ("../le c7/launch.py", "launch.py", "python '../le c7/launch.py'"),
        ("/usr/bin/lec7", "lec7", "lec7"),
        ("/usr/lib/lec7/__main__.py", "lec7", "python -m lec7"),
    ],
)
def test_messages_and_help_name_the_program_as_it_was_called(
    capsys, word, name, command
):
    assert entry.main([word, "--lisst"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"{name}: --lisst: unknown flag; expected flags that ")
    assert f"that {command} --help shows" in err
    assert entry.main([word, "-h"]) == 0
    out = capsys.readouterr().out
    assert f"\n  {command} --list\n" in out
    assert ("python launch.py" in out) == (command == "python launch.py")


def test_the_package_is_the_program_of_its_checkout(tmp_path):
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run(
        [sys.executable, "-m", "lec7", "--list"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    assert "\nsharp_vs_flat " in answer.stdout


def test_an_installed_package_runs_the_experiments_inside_of_it(tmp_path, monkeypatch):
    assert entry._own_experiments() == ROOT / "experiments"
    (tmp_path / "experiments").mkdir()
    monkeypatch.setattr(entry, "_PACKAGE", tmp_path)
    assert entry._own_experiments() == tmp_path / "experiments"


def test_version_is_one_line(launch, capsys):
    assert launch("--version") == 0
    out = capsys.readouterr().out
    assert out.startswith("lec7")
    assert out.count("\n") == 1
    assert "commit" not in out  # a copy that no repository tracks
    assert entry.main(["launch.py", "--version"]) == 0
