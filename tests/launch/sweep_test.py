"""`--sweep`: trials are ordinary runs in one folder, and the same command resumes."""

import json
import os
import pathlib
import sys

import pytest

from lec7 import runs
from tests.sweeps import bench

WORDS = ("--experiment=walk", "--sweep=rate=0.1,3.5;steps=40", "--members=1")


def statuses(root):
    return [
        json.loads(file.read_text())["status"]
        for file in sorted(pathlib.Path(root).glob("trials/*/run.json"))
    ]


@pytest.mark.usefixtures("walk")
def test_trials_are_ordinary_runs_and_a_diverged_one_is_not_tried_again(place):
    code, out, told = bench.finish(place, *WORDS, "--workers=2")
    assert code == 0, told
    assert "sweep: 1 of 2 trials are finished" in out
    assert "sweep/trials/00001: rate is 3.5; the walk has diverged" in told
    assert statuses("sweep") == ["finished", "failed"]
    before = bench.results(place / "sweep")
    times = {path: path.stat().st_mtime_ns for path in place.rglob("run.json")}
    code, out, _ = bench.finish(place, *WORDS)
    assert (code, bench.results(place / "sweep")) == (0, before)
    assert {path: path.stat().st_mtime_ns for path in place.rglob("run.json")} == times
    assert "1 of 2 trials done, 1 failed\n" in out


@pytest.mark.usefixtures("walk")
def test_a_misspelled_objective_is_told_of_when_the_table_is_there(place):
    words = ("--sweep=rate=0.1", "--workers=1")
    code, out, told = bench.finish(place, *words, "--objective=nearr")
    assert code == 2
    assert "did you mean near?" in told
    assert "sweep: 1 of 1 trial is finished\nOf 1 trial 1 finished" in out
    assert (place / "sweep/table.csv").is_file()
    code, out, told = bench.finish(place, *words, "--objective=near")
    assert (code, told) == (0, "")
    assert "the lowest near, " in out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--sweep=rate=0.1"], "--experiment is missing"),
        (["--experiment=walk", "--trials=3"], "--experiment and --trials do not go"),
        (["--experiment=walk", "--sweep="], "varies nothing"),
        ([*WORDS, "--workers=2", "--ray=auto"], "--workers and --ray do not go"),
        ([*WORDS, "--trial_cpus=2"], "--trial_cpus is given without --ray"),
        ([*WORDS, "--ray=auto", "--trial_cpus=nan"], "--trial_cpus=nan: expected"),
        ([*WORDS, "--sweep=rate=1"], "--sweep is given twice"),
        (["--sweep", "--experiment=walk"], "--sweep has no value"),
        ([*WORDS, "--together=x"], "--together and --sweep do not go together"),
        ([*WORDS, "--workers=0"], "--workers=0"),
        ([*WORDS, "--objective="], "expected the name of a measure"),
        ([*WORDS, "--config.rate=0.1"], "rate is in --sweep too"),
        ([*WORDS, "--config.rat=0.1"], "did you mean --config.rate?"),
        ([*WORDS, "--list"], "--list and --sweep do not go together"),
        ([*WORDS, "--distributed"], "--sweep and --distributed do not go together"),
        (["--experiment=walks", "--sweep=rate=1"], "did you mean walk?"),
        ([*WORDS, "--workdir=launch.py"], "launch.py is a file"),
        ([*WORDS, "--workdir=."], "the folder holds"),
        ([*WORDS, "--ray=nowhere"], "--ray=nowhere: expected HOST:PORT"),
        ([*WORDS, "--ray=localhost:1"], "--ray=localhost:1: no cluster answers"),
    ],
)
def test_a_wrong_sweep_is_one_message_and_nothing_is_written(
    walk, files, capsys, words, named
):
    pytest.importorskip("ray") if "--ray" in words[-1] else None
    before = files()
    assert walk(*words) == 2
    told = capsys.readouterr().err
    assert named in told
    assert told.count("\n") == 1
    assert files() == before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--sweep=dataset=digits,digitz"], "dataset=digitz: no such data set"),
        (["--sweep=rate=0.1,0.2", "--config.dataset=./a.npz"], "dataset=./a.npz: no"),
    ],
)
def test_a_data_set_that_does_not_exist_is_refused(walk, files, capsys, words, named):
    walking = pathlib.Path("experiments/walk.py")
    field = '    dataset: str = "digits"  # not read\n    rate: float'
    walking.write_text(walking.read_text().replace("    rate: float", field))
    before = files()
    assert walk("--experiment=walk", *words) == 2
    assert named in capsys.readouterr().err
    assert files() == before


def test_without_ray_one_message_says_how_to_install_it(walk, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert walk(*WORDS, "--ray=auto") == 2
    assert "pip install 'lec7[ray]'" in capsys.readouterr().err
    assert not pathlib.Path("runs").exists()


def test_a_second_driver_is_told_who_is_at_work(walk, capsys):
    with runs.lock(pathlib.Path("sweep")):
        assert walk(*WORDS, "--workdir=sweep") == 7
    assert f"sweep is in use by process {os.getpid()}" in capsys.readouterr().err
    assert not pathlib.Path("sweep").exists()


def test_another_sweep_in_the_folder_is_refused(walk, capsys):
    pathlib.Path("sweep").mkdir()
    held = '{"format": 1, "experiment": "walk", "spec": [], "trials": [1]}'
    pathlib.Path("sweep/sweep.json").write_text(held)
    assert walk(*WORDS, "--workdir=sweep") == 2
    assert 'spec is [], not [["rate", "0.1,3.5"]' in capsys.readouterr().err
    assert pathlib.Path("sweep/sweep.json").read_text() == held
