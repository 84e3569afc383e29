"""Trials that are trained as one population end as if each had been run alone."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import launch

ROOT = pathlib.Path(__file__).parent.parent.parent
COMMON = [
    *("--config.width=8", "--config.updates=24", "--config.evaluate_every=4"),
    *("--config.batch_size=16", "--config.seeds", "0", "1"),
]
RATES = ("0.01", "0.1", "1e9")  # the last one explodes


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    cache = tmp_path_factory.getbasetemp() / "programs"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("LEC7_DATA_DIR", str(cache / "data"))


def group(root, rates=RATES, words=lambda rate: ()):
    """Write a file of trials, and return the words that train them together."""
    trials = [
        {
            "words": [*COMMON, f"--config.learning_rate={rate}", *words(rate)],
            "folder": str(root / "trials" / f"{place:05d}"),
        }
        for place, rate in enumerate(rates)
    ]
    root.mkdir(parents=True, exist_ok=True)
    (root / "group.json").write_text(json.dumps({"trials": trials}))
    return [
        "--experiment=one_network",
        f"--together={root / 'group.json'}",
        f"--workdir={root / 'group'}",
    ]


def run(*words):
    return launch.main(["launch.py", *words])


def of(root, place, name):
    return (root / "trials" / f"{place:05d}" / name).read_bytes()


def findings(folder):
    with np.load(folder / "findings.npz") as file:
        return {name: file[name] for name in file.files if name != "structure"}


SUMS = '''"""Do sums of numbers add up?

Run: python launch.py --experiment=sums
Expected: yes, in 1 minute.
Source: this file.
Data: none.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from lec7 import report

MEMBERS = ("rate", "seeds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    seeds: tuple[int, ...] = (0, 1, 2)  # of the numbers
    rate: float = 1.0  # added to each
    width: int = 1  # of nothing


class Findings(NamedTuple):
    sums: np.ndarray


def run(config, context):
    return run_together([config], context)[0]


def run_together(configs, context):
    with (context.folder / "trained").open("a") as file:
        file.write("trained ")
    with context.phase("adding"):
        return [Findings(np.array(of.seeds) + of.rate) for of in configs]


def analyse(config, found):
    say = report.Claims(source="this file")
    claim = say.mean("more", "They are above 1.", "units", found.sums, above=1)
    return report.Report(title="Sums", summary="Yes.", claims=[claim], sections=[])
'''


def write_group(place):
    """Write an experiment, and a group of two trials of it."""
    (place / "experiments" / "sums.py").write_text(SUMS)
    trials = [
        {"words": [f"--config.rate={rate}"], "folder": str(place / f"trials/{rate}")}
        for rate in (2, 3)
    ]
    (place / "group.json").write_text(json.dumps({"trials": trials}))


def test_each_trial_of_a_group_has_an_ordinary_run(place, launch, capsys):
    write_group(place)
    words = ("--experiment=sums", "--together=group.json", "--workdir=group")
    assert launch(*words) == 0
    alone = ("--experiment=sums", "--config.rate=3")
    assert launch(*alone, "--workdir=alone") == 0
    for name in ("config.json", "claims.json", "findings.npz"):
        assert pathlib.Path("trials/3", name).read_bytes() == (
            pathlib.Path("alone", name).read_bytes()
        )
    capsys.readouterr()
    assert launch(*alone, "--workdir=trials/3") == 0
    assert "trials/3 is finished: 1 supported" in capsys.readouterr().out
    assert launch("--verify=trials/2") == 0
    page = pathlib.Path("trials/2/report.html").read_bytes()
    assert launch("--render=trials/2") == 0
    assert pathlib.Path("trials/2/report.html").read_bytes() == page
    assert b"one population of 2 trials" in page
    assert b"--config.rate=2 --workdir=" in page

    assert launch(*words) == 0  # nothing is left to do
    assert pathlib.Path("group/trained").read_text() == "trained "
    shutil.rmtree("trials/2")
    kept = pathlib.Path("trials/3/run.json").read_bytes()
    assert launch(*words) == 0  # what is missing alone is written
    assert pathlib.Path("trials/2/report.html").is_file()
    assert pathlib.Path("trials/3/run.json").read_bytes() == kept


def test_a_folder_of_another_run_fails_its_trial_of_a_group_alone(
    place, launch, capsys
):
    write_group(place)
    other = ("--experiment=sums", "--config.rate=7", "--workdir=trials/3")
    assert launch(*other) == 0
    held = pathlib.Path("trials/3/run.json").read_bytes()
    words = ("--experiment=sums", "--together=group.json", "--workdir=group")
    for _ in range(2):
        assert launch(*words) == 2
        assert "with rate=7.0, not 3.0" in capsys.readouterr().err
    assert pathlib.Path("trials/2/report.html").is_file()
    assert pathlib.Path("trials/3/run.json").read_bytes() == held
    assert pathlib.Path("group/trained").read_text() == "trained "


@pytest.mark.slow
def test_a_trial_of_a_group_is_the_run_that_it_would_be_alone(tmp_path, capsys):
    assert run(*group(tmp_path)) == 0
    trial, alone = tmp_path / "trials" / "00001", tmp_path / "alone"
    words = ["--experiment=one_network", *COMMON, "--config.learning_rate=0.1"]
    assert run(*words, f"--workdir={alone}") == 0
    expected = findings(alone)
    assert {*findings(trial)} == {*expected}
    for name, values in findings(trial).items():
        if name != "tested/right":  # bits, of which one may turn
            np.testing.assert_allclose(values, expected[name], rtol=1e-2, atol=1e-4)
    assert (trial / "config.json").read_bytes() == (alone / "config.json").read_bytes()
    lines = [(x / "metrics.jsonl").read_text().splitlines() for x in (trial, alone)]
    for one, other in zip(*map(lambda x: map(json.loads, x), lines), strict=True):
        assert one.keys() == other.keys()
        np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-3)

    for place in range(len(RATES)):
        folder = tmp_path / "trials" / f"{place:05d}"
        assert run(f"--verify={folder}") == 0
        page = of(tmp_path, place, "report.html")
        assert b"one population of 3 trials" in page
        assert run(f"--render={folder}") == 0
        assert of(tmp_path, place, "report.html") == page
    capsys.readouterr()
    assert run(*words, f"--workdir={trial}") == 0
    assert capsys.readouterr().out.startswith(f"{trial} is finished: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (lambda rate: [f"--config.dropout=0.{rate[-1]}"], "dropout is 0.1 in entry 0"),
        (lambda rate: ["--config.rate=1"], "no such field"),
    ],
)
def test_trials_that_are_no_population_are_refused(words, message, tmp_path, capsys):
    assert run(*group(tmp_path, ("0.01", "0.02"), words)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "trials").exists() and not (tmp_path / "group").exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"trials": 3}', '{"trials": []}', "[" * 100_000),
        *('{"trials": [{"words": [], "folder": 3}]}', '{"trials": ["x"]}'),
        '{"trials": [{"words": "abc", "folder": "x"}]}',
    ],
)
def test_a_file_that_lists_no_trials_is_refused(text, tmp_path, capsys):
    words = group(tmp_path)
    (tmp_path / "group.json").write_text(text)
    assert run(*words) == 2
    assert "--together=" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--dry_run", "--list", "--config.rate=1"])
def test_other_flags_are_refused_beside_a_group(words, tmp_path, capsys):
    assert run(*group(tmp_path), words) == 2
    assert "--together" in capsys.readouterr().err


def test_an_experiment_that_trains_no_population_is_refused(tmp_path, capsys):
    (tmp_path / "group.json").write_text('{"trials": [{"words": [], "folder": "x"}]}')
    words = [f"--together={tmp_path}/group.json", f"--workdir={tmp_path}/group"]
    assert run("--experiment=rotated_ellipse", *words) == 2
    assert "declares MEMBERS" in capsys.readouterr().err


@pytest.mark.slow
def test_a_group_that_is_killed_ends_in_the_same_bytes(tmp_path):
    def start(root):
        return subprocess.Popen(
            [sys.executable, str(ROOT / "launch.py"), *group(root)],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    begin = time.monotonic()
    assert start(tmp_path / "first").wait() == 0  # compiles
    begin = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    seconds, moments = time.monotonic() - begin, random.Random(0)
    for number in range(4):
        root = tmp_path / f"killed{number}"
        while (process := start(root)).poll() is None:
            time.sleep(seconds * moments.uniform(0.3, 1.2))
            process.send_signal(signal.SIGKILL)
            process.wait()
            if moments.random() < 0.5:
                break
        assert start(root).wait() == 0
        for place in range(len(RATES)):
            for name in ("findings.npz", "claims.json", "metrics.jsonl"):
                assert of(root, place, name) == of(tmp_path / "whole", place, name)
