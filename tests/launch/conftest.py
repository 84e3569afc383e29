"""Small experiments beside a copy of `launch.py`."""

import importlib.util
import pathlib
import shutil
import sys

import pytest

from tests.sweeps import bench

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def place(tmp_path, tmp_path_factory, monkeypatch):
    """A folder with `launch.py` and its experiments; the current one."""
    shutil.copy(HERE.parent.parent / "launch.py", tmp_path)
    (tmp_path / "experiments").mkdir()
    shutil.copy(HERE / "fake.py", tmp_path / "experiments")
    (tmp_path / "experiments" / "far_away.py").write_text(
        "raise RuntimeError\n\n\nclass Config:\n    ..."
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.delitem(sys.modules, "experiments.fake", raising=False)
    return tmp_path


@pytest.fixture
def launch(place):
    """The `main` of that copy, called in this process."""
    spec = importlib.util.spec_from_file_location("launch_copy", place / "launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *words: module.main(["launch.py", *words])


@pytest.fixture
def files(place):
    """What is in the folder at the time of a call: name -> bytes, False for folders."""
    return lambda: {
        path.relative_to(place).as_posix(): path.is_file() and path.read_bytes()
        for path in place.rglob("*")
        if "__pycache__" not in path.parts
    }


@pytest.fixture
def walk(place, launch):
    """The `main` of a copy of `launch.py` that has the experiment `walk`."""
    shutil.copy(bench.HERE / "walk.py", place / "experiments")
    return launch
