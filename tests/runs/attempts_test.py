import contextlib
import errno
import json
import shutil
import signal
import time

import pytest

from lec7 import hosts, runs, signals

CONFIG = '{"seeds":[0]}'


class DataError(Exception):
    exit_code = 3


def attempted(folder, error=None, environment=None):
    with runs.attempt(folder, "fake", CONFIG, environment=environment or {}) as number:
        runs.add_seconds(folder, "train", 1.5)
        runs.add_seconds(folder, "train", 0.25)
        runs.add_seconds(folder, "measure", 4.0)
        if error is not None:
            raise error
    return number


def record(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.mark.parametrize(
    ("error", "status", "code", "text"),
    [
        (None, "finished", 0, None),
        (ZeroDivisionError("a bug"), "failed", 1, "in attempted\n    raise error"),
        (DataError("no mnist here"), "failed", 3, "no mnist here"),
        (OSError(errno.EACCES, "Permission denied"), "failed", 6, "Permission denied"),
        (OSError(errno.EISDIR, "Is a directory"), "failed", 6, "Is a directory"),
        (KeyboardInterrupt(), "interrupted", 130, "KeyboardInterrupt"),
        (
            signals.Signalled(signal.SIGTERM),
            "interrupted",
            143,
            "terminated; the same command resumes the run",
        ),
    ],
)
def test_an_attempt_records_how_it_ended(tmp_path, error, status, code, text):
    if error is None:
        attempted(tmp_path)
    else:
        with pytest.raises(type(error)) as caught:
            attempted(tmp_path, error)
        assert caught.value is error
    found = record(tmp_path)
    assert (found["experiment"], found["status"]) == ("fake", status)
    (last,) = found["attempts"]
    assert last["exit"] == code
    assert last["start"] <= last["end"]
    assert last["seconds"] == {"train": 1.75, "measure": 4.0}
    assert last["error"] == text or text in last["error"]


def lost(folder, monkeypatch, finish):
    """Return the record of a run whose host hears that another one is lost."""
    notes = []
    monkeypatch.setattr(hosts, "at_end", notes.append)
    with (
        contextlib.suppress(RuntimeError),
        runs.attempt(folder, "fake", CONFIG, environment={}),
    ):
        if not finish:
            raise RuntimeError("a collective has failed")
    (note,) = notes
    note(hosts.LOST, "host 1 of 2 is lost")
    return record(folder)


def test_a_run_that_ends_with_another_host_says_so(tmp_path, monkeypatch):
    found = lost(tmp_path, monkeypatch, finish=False)
    assert found["status"] == "interrupted"
    (last,) = found["attempts"]
    assert (last["exit"], last["error"]) == (9, "host 1 of 2 is lost")


def test_a_finished_run_stays_finished_when_a_host_is_lost(tmp_path, monkeypatch):
    found = lost(tmp_path, monkeypatch, finish=True)
    assert (found["status"], found["attempts"][0]["exit"]) == ("finished", 0)


def test_a_lost_host_of_a_run_that_is_gone_writes_nothing(tmp_path, monkeypatch):
    notes = []
    monkeypatch.setattr(hosts, "at_end", notes.append)
    with runs.attempt(tmp_path / "run", "fake", CONFIG, environment={}):
        pass
    shutil.rmtree(tmp_path / "run")
    notes[0](hosts.LOST, "host 1 of 2 is lost")
    assert not (tmp_path / "run").exists()


def test_every_attempt_adds_a_record_of_its_own(tmp_path):
    with pytest.raises(DataError):
        attempted(tmp_path, DataError("gone"), environment={"devices": ["a"]})
    with pytest.raises(KeyboardInterrupt):
        attempted(tmp_path, KeyboardInterrupt(), environment={"devices": ["b"]})
    assert attempted(tmp_path, environment={"devices": ["c"]}) == 3
    attempts = record(tmp_path)["attempts"]
    assert [row["exit"] for row in attempts] == [3, 130, 0]
    assert [row["devices"] for row in attempts] == [["a"], ["b"], ["c"]]
    assert [row["seconds"]["train"] for row in attempts] == [1.75] * 3
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads(CONFIG)


def test_a_run_is_running_until_it_ends(tmp_path):
    with runs.attempt(tmp_path, "fake", CONFIG, environment={}):
        found = record(tmp_path)
        assert found["status"] == "running"
        assert found["attempts"][0]["end"] is None
        assert found["attempts"][0]["exit"] is None


def test_phases_add_up_also_when_one_is_interrupted(tmp_path, monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 11.5, 20.0, 23.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    told = []
    context = runs.Context(
        tmp_path,
        devices=(),
        progress=None,
        add_seconds=lambda name, seconds: told.append((name, seconds)),
    )
    with context.phase("train"):
        pass
    with context.phase("measure"):
        pass
    with pytest.raises(KeyboardInterrupt), context.phase("train"):
        raise KeyboardInterrupt
    assert told == [("train", 2.0), ("measure", 1.5), ("train", 3.0)]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 9.31 GiB"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 92160000000 bytes."),
    ],
)
def test_more_memory_than_there_is_is_wrong_use(error):
    assert runs.exit_code(error) == 2


@pytest.mark.parametrize("name", ["profile/trace", "tables/claims.csv"])
def test_a_finished_run_needs_neither_its_profile_nor_its_tables(tmp_path, name):
    path = tmp_path / name
    with runs.attempt(tmp_path, "fake", "{}", environment={}):
        path.parent.mkdir()
        path.touch()
        (tmp_path / "findings.npz").touch()
        for file in runs.OUTPUTS:
            (tmp_path / file).touch()
        runs.seal(tmp_path, told=False)
        runs.seal(tmp_path, told=True)
    path.unlink()
    record = runs.examine(tmp_path, "fake", "{}")
    assert runs.changed(tmp_path, record) == []
