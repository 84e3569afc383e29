"""`--all`: a folder for each run, and a page with the verdicts of all."""

import csv
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest


@pytest.fixture
def experiments(place):
    """The folder of two experiments: `fake`, and `poor`, which ends with 3."""
    folder = place / "experiments"
    (folder / "far_away.py").unlink()
    source = (folder / "fake.py").read_text()
    (folder / "poor.py").write_text(
        source.replace('end: str = "well"', 'end: str = "3"')
    )
    return folder


def verdicts(folder):
    with open(pathlib.Path(folder, "verdicts.csv")) as file:
        return [
            (row["experiment"], row["column"], row["claim"], row["verdict"])
            for row in csv.DictReader(file)
        ]


def test_all_runs_every_experiment_and_a_failure_is_a_cell(launch, experiments, capfd):
    assert launch("--all") == 3
    out, err = capfd.readouterr()
    assert "[1 of 2] fake\n" in out
    assert "[2 of 2] poor\n" in out
    assert "1 of 2 runs failed" in err
    assert "poor ended with 3: ended with 3" in err
    page = pathlib.Path("runs/all/index.html").read_text()
    assert 'href="fake/report.html"' in page
    assert "<small>ended with 3</small>" in page
    assert [row[::3] for row in verdicts("runs/all")] == [
        ("fake", "supported"),
        ("fake", "inconclusive"),
        ("fake", "supported"),
    ]


def test_all_on_data_sets_is_resumed(launch, experiments, capfd):
    (experiments / "poor.py").unlink()
    without = (experiments / "fake.py").read_text().replace("dataset", "nothing")
    (experiments / "dataless.py").write_text(without)
    words = "--all", "--datasets=digits,glyphs/grey14-300", "--workdir=o"
    assert launch(*words) == 0
    rows, page = verdicts("o"), pathlib.Path("o/index.html").read_bytes()
    assert {row[:2] for row in rows} == {
        ("fake", "digits"),
        ("fake", "glyphs/grey14-300"),
    }
    assert b"2 claims: supported on all" in page
    assert b'href="glyphs_grey14-300/fake/report.html"' in page
    before = pathlib.Path("o/digits/fake/report.html").stat().st_mtime_ns
    capfd.readouterr()
    assert launch(*words) == 0
    assert capfd.readouterr().out.count("is finished") == 2
    assert pathlib.Path("o/digits/fake/report.html").stat().st_mtime_ns == before
    assert (verdicts("o"), pathlib.Path("o/index.html").read_bytes()) == (rows, page)


@pytest.mark.parametrize("names", ["", "a,,b", "a,a", "a/b,a_b"])
def test_data_sets_that_cannot_be_told_apart_are_refused(launch, place, capsys, names):
    assert launch("--all", f"--datasets={names}", "--workdir=o") == 2
    assert f"--datasets={names}: expected names" in capsys.readouterr().err
    assert not pathlib.Path("o").exists()


def test_no_name_of_a_data_set_leads_out_of_the_folder(launch, experiments):
    (experiments / "poor.py").unlink()
    images, labels = np.zeros((20, 2, 2), np.uint8), np.arange(20) % 2
    pathlib.Path("o").mkdir()
    np.savez("x.npz", x_train=images, y_train=labels)
    assert launch("--all", "--datasets=o/../x.npz", "--workdir=o/p") == 0
    assert pathlib.Path("o/p/o_x_npz/fake/report.html").is_file()
    assert [path.name for path in pathlib.Path("o").iterdir()] == ["p"]


@pytest.mark.usefixtures("experiments")
def test_a_data_set_that_is_not_there_is_found_before_anything_runs(launch, capsys):
    assert launch("--all", "--datasets=digits,digist", "--workdir=o") == 2
    assert "the nearest match is 'digits'" in capsys.readouterr().err
    assert not pathlib.Path("o").exists()


def test_a_signal_ends_all_and_the_run_in_order(launch, experiments):
    (experiments / "poor.py").unlink()
    path = experiments / "fake.py"
    path.write_text(path.read_text().replace("wait: float = 0.0", "wait: float = 60.0"))
    process = subprocess.Popen(
        [sys.executable, "launch.py", "--all"], stderr=subprocess.PIPE, text=True
    )
    measuring = pathlib.Path("runs/all/fake/measuring")
    deadline = time.monotonic() + 60
    while not measuring.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert "the same command resumes" in err
    assert '"interrupted"' in pathlib.Path("runs/all/fake/run.json").read_text()
