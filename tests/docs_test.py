"""The experiment of the documentation is short, and runs."""

import importlib.util
import json
import pathlib
import re
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "experiment.md").read_text(encoding="utf-8")
(SOURCE,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def main(tmp_path, monkeypatch):
    """A copy of `launch.py` with this experiment alone."""
    shutil.copy(ROOT / "launch.py", tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "overshoot.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delitem(sys.modules, "experiments.overshoot", raising=False)
    spec = importlib.util.spec_from_file_location("copy", tmp_path / "launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *words: module.main(["launch.py", *words])


def test_an_experiment_takes_85_lines():
    assert SOURCE.count("\n") <= 85


def test_the_experiment_of_the_documentation_supports_both_claims(main):
    words = ("--experiment=overshoot", "--workdir=run")
    assert main(*words) == 0
    claims = json.loads(pathlib.Path("run/claims.json").read_text())
    assert [(claim["id"], claim["verdict"]) for claim in claims] == [
        ("O1", "supported"),
        ("O2", "supported"),
    ]
    page = pathlib.Path("run/report.html").read_bytes()
    assert main("--render=run") == 0
    assert pathlib.Path("run/report.html").read_bytes() == page
    assert main("--verify=run") == 0
