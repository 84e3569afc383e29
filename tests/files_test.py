"""What is written is whole or absent, and nothing of anybody else's is removed."""

import os

import pytest

from lec7 import files

OLD, NEW = {"a": b"1", "b": b"2"}, {"a": b"3", "b": b"4"}


def held(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Killed(Exception):
    """Stands for the end of the process."""


def kill_at(monkeypatch, call):
    """Let the process end at its `call`-th operation on the disk."""
    left = [call]

    def counted(operation):
        def act(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return operation(*args, **kwargs)

        return act

    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    for name in ("replace", "rename", "unlink", "mkdir", "rmdir"):
        operation = getattr(files.pathlib.Path, name)
        monkeypatch.setattr(files.pathlib.Path, name, counted(operation))
    return left


def test_a_file_is_the_old_one_or_the_new_one_whenever_the_process_ends(
    tmp_path, monkeypatch
):
    path = tmp_path / "file"
    files.write(path, b"old")
    for call in range(3):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, call)
            files.write(path, b"new")
        assert path.read_bytes() in {b"old", b"new"}
    files.write(path, b"new")
    assert held(tmp_path) == {"file": b"new"}


def test_a_folder_is_the_old_one_or_the_new_one_whenever_the_process_ends(
    tmp_path, monkeypatch
):
    folder, call, left = tmp_path / "folder", 0, [-1]
    while left[0] < 0:
        files.write_folder(folder, OLD)
        try:
            with monkeypatch.context() as patch:
                left = kill_at(patch, call)
                files.write_folder(folder, NEW)
        except Killed:
            files.recover(folder)
            assert held(folder) in (OLD, NEW)
        call += 1
    assert held(folder) == NEW
    assert call > 8
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("act", [files.write_folder, files.remove_folder])
@pytest.mark.parametrize("strange", ["a file", "a link", "thesis.tex", "a folder"])
def test_what_lec7_did_not_write_is_left_as_it_is(act, strange, tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a").write_bytes(b"mine")
    if strange == "a file":
        folder.write_bytes(b"mine")
    elif strange == "a link":
        folder.symlink_to(elsewhere)
    else:
        files.write_folder(folder, OLD)
        if strange == "a folder":
            (folder / "a").unlink()
            (folder / "a").mkdir()
        else:
            (folder / strange).write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(files.NotOursError, match="it is left as it is"):
        act(folder, NEW)
    assert sorted(tmp_path.rglob("*")) == before
    assert (elsewhere / "a").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "name", ["SGD 0.1", "deep_SGD,_all_examples", "lr=1e-3", "9+1"]
)
def test_a_plain_name_is_returned(name):
    assert files.require_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", ".git", "a\n", "a\0", " a", "a."]
)
def test_a_name_that_leads_elsewhere_or_hides_is_refused(name):
    with pytest.raises(ValueError, match="source is .*; expected one plain name"):
        files.require_name(name, "source")
