import itertools
import pathlib
import re
import subprocess
import sys

import pytest

from lec7 import runs
from lec7.command import options

EXPERIMENTS = pathlib.Path(__file__).parent.parent.parent / "experiments"


@pytest.mark.parametrize(
    ("words", "needles"),
    [
        ("", ["--experiment is missing", "--list"]),
        ("--experiment=", ["--experiment is missing"]),
        ("--experiment", ["Missing value for flag --experiment"]),
        ("fake", ["fake: stray word", "did you mean --experiment=fake?"]),
        ("--experiment=fake stray", ["stray: stray word", "--help"]),
        ("--experiment=fak", ["=fak: no such experiment", "did you mean fake?"]),
        ("--describe=far_awey", ["no such experiment", "did you mean far_away?"]),
        ("--experiment=../fake", ["../fake: no such experiment", "--list"]),
        ("--expriment=fake", ["unknown flag", "did you mean --experiment?"]),
        ("--experiment=fake --device=2", ["unknown", "did you mean --devices?"]),
        ("--experiment=fake --devices=0", ["--devices=0: expected a positive integer"]),
        ("--experiment=fake --devices=-1", ["--devices=-1: expected a positive"]),
        ("--experiment=fake --devices=abc", ["--devices=abc: expected a positive"]),
        ("--list=maybe", ["--list=maybe: expected no value"]),
        ("--list --experiment=fake", ["--list and --experiment do not go together"]),
        ("--list --describe=fake", ["--list and --describe do not go together"]),
        ("--describe=fake --workdir=x", ["--describe and --workdir do not"]),
        ("--list --config.rate=1", ["--list and --config.rate do not go together"]),
        ("--experiment=fake --config=1", ["did you mean --config.FIELD=VALUE?"]),
        (
            "--experiment=fake --config.batch_sise=3",
            ["--config.batch_sise=3: no such field of fake", "--config.batch_size?"],
        ),
        ("--experiment=fake --config.rate=x", ["=x: expected float", "learning rate"]),
        ("--experiment=fake --config.rate", ["--config.rate: no value"]),
        ("--experiment=fake --config.rate=1 --config.rate=2", ["given twice"]),
        ("--experiment=fake --config.seeds 0 x", ["=0 x: expected int int ..."]),
        ("--experiment=fake --config.batch_size=0", ["=0: batch_size is 0; expected"]),
        ("--experiment=fake --config.end=2", ["ended with 2"]),
        ("--experiment=fake --config.end=2 --workdir=a/b", ["ended with 2"]),
        ("--experiment=fake --workdir=launch.py", ["launch.py is a file", "folder"]),
        ("--experiment=fake --workdir=experiments", ["holds", "and no run; expected"]),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(launch, files, capfd, words, needles):
    before = files()
    assert launch(*words.split()) == 2
    out, err = capfd.readouterr()
    assert out.count("\n") == out.count("fake · ")  # no more than the first line
    assert err.startswith("launch.py: ")
    assert err.count("\n") == 1
    for needle in needles:
        assert needle in err
    assert files() == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["--list"], 0),
        (["--describe=fake"], 0),
        (["--experiment=fak"], 2),
        (["--experiment=fake", "--config.zebra=1"], 2),
        (["--compare", "nothing"], 2),
        (["--bad"], 2),
    ],
)
def test_what_runs_nothing_imports_nothing_heavy(place, words, code):
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['launch.py', *{words}]\n"
        "try:\n"
        "    runpy.run_path('launch.py', run_name='__main__')\n"
        "finally:\n"
        "    roots = {name.partition('.')[0] for name in sys.modules}\n"
        "    print(roots & {'jax', 'numpy', 'rich', 'flax', 'matplotlib'})\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert answer.returncode == code
    assert answer.stdout.endswith("set()\n")


def test_help_names_every_flag_and_exit_code(launch, capsys):
    assert launch("--help") == 0
    text = capsys.readouterr().out
    for flag in (*options.MODES, *itertools.chain(*options.MODES.values())):
        assert f"--{flag}" in text
    assert "--config.FIELD" in text
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 130, 143):
        assert f"{code} " in text


def test_list_shows_question_minutes_and_data_of_every_experiment(launch, capsys):
    assert launch("--list") == 0
    header, fake, far_away = capsys.readouterr().out.splitlines()
    assert header.split() == ["experiment", "question", "minutes", "data"]
    assert fake.split(maxsplit=1)[0] == "fake"
    assert fake.endswith("  Does the fake do as it is told?  1-2      none.")
    assert far_away == "far_away"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(launch, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", f"{width}")
    for words in ("--list", "--describe=fake"):
        assert launch(words) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_describe_shows_the_docstring_and_every_field(launch, capsys):
    assert launch("--describe=fake") == 0
    text = capsys.readouterr().out
    assert text.startswith("Does the fake do as it is told?\n\nRun: ")
    rows = [re.split("  +", line) for line in text.splitlines()]
    assert ["--config.batch_size", "64", "examples in an update", "int"] in rows
    assert ["--config.rate", "0.1", "learning rate", "float"] in rows
    assert "--config.seeds" in text


@pytest.mark.parametrize("name", runs.names(EXPERIMENTS))
def test_every_experiment_says_what_list_shows(name):
    line = runs.headline(EXPERIMENTS, name)
    assert line.question
    assert line.minutes
    assert line.data


def test_a_reader_who_has_seen_enough_ends_it_without_a_word():
    words = [sys.executable, "launch.py", "--list"]
    where = {"cwd": EXPERIMENTS.parent, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, stdout=subprocess.PIPE, **where) as program:
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == runs.PIPE_CLOSED
