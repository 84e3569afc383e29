"""Every part is measured at a small size, and what does not fit is told."""

import ast
import pathlib
import subprocess
import sys

import pytest

from benchmarks import scaling

ROOT = pathlib.Path(__file__).parent.parent.parent


def table(words, capfd):
    assert scaling.main(words.split()) == 0
    return capfd.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("measure", "size", "names"),
    [
        (scaling.checkpoints, 1000, ["parameters", "on the disk", "saving"]),
        (scaling.metrics, 3, ["networks", "on the disk", "writing"]),
        (scaling.findings, 1000, ["numbers", "on the disk", "saving"]),
    ],
)
def test_a_part_is_measured(measure, size, names):
    row = measure(size)
    assert [*row][:3] == names
    assert row[names[0]] == f"{size:,}"
    assert all(row.values())


def test_a_checkpoint_holds_parameters_and_both_moments():
    assert scaling.checkpoints(10_000)["on the disk"] == "120 kB"


def test_stars_of_several_processes_beat():
    program = "from benchmarks import many_stars as m; print(m.measure(4, still=0.1))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    row = ast.literal_eval(done.stdout)
    assert row["its threads"] == "5"  # a reader for each other host, the watch, itself


@pytest.mark.slow
def test_sizes_stand_in_one_table(capfd):
    head, line, *rows = table("metrics 1 2", capfd)
    assert head.startswith("| networks | on the disk |")
    assert line.count("---") == head.count("|") - 1
    assert [row.split()[1] for row in rows] == ["1", "2"]


def test_what_does_not_fit_is_told(capfd):
    (row,) = table("checkpoints 1 --memory=0.3", capfd)
    assert row.startswith("| 1: ended with ")
