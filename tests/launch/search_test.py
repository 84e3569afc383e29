"""`--search`: rounds of trials, each chosen by what came of those before."""

import csv
import pathlib

import pytest

from tests.sweeps import bench

pytest.importorskip("optuna")
WORDS = (
    *("--experiment=walk", "--sweep=rate=log(0.01,1);steps=20,40", "--workers=2"),
    *("--search=tpe", "--objective=near"),
)


def rows(place):
    with open(place / "sweep/table.csv") as file:
        return [*csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.usefixtures("walk")
def test_a_search_that_is_extended_is_the_search_that_was_longer(place):
    code, out, told = bench.finish(place, *WORDS, "--trials=2")
    assert code == 0, told
    assert "the lowest near, " in out
    code, _, told = bench.finish(place, *WORDS, "--trials=6")
    assert code == 0, told
    extended = rows(place)
    (place / "sweep").rename(place / "before")
    code, _, told = bench.finish(place, *WORDS, "--trials=6")
    assert code == 0, told
    assert rows(place) == extended
    assert len({row["rate"] for row in extended}) == 6


@pytest.mark.slow
@pytest.mark.usefixtures("walk")
def test_a_wrong_objective_ends_a_search_after_the_table_of_its_first_round(place):
    words = (*WORDS[:-1], "--objective=nearr", "--trials=8")
    code, out, told = bench.finish(place, *words)
    assert code == 2
    assert "did you mean near?" in told and "another --workdir" in told
    assert "Of 4 trials 4 finished" in out
    assert len(rows(place)) == 4


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--objective=test_loss"], "what is chosen by the test"),
        (["--sweep=rate=0.1,0.2"], "has no range"),
        (["--sweep=rate=lin(-1,1)"], "rate is -1"),
        (["--search=grid"], "--search=grid"),
        (None, "--trials is missing"),
    ],
)
def test_a_wrong_search_is_one_message_and_nothing_is_written(
    walk, files, capsys, words, named
):
    before = files()
    given = {word.partition("=")[0] for word in words or ()}
    kept = [word for word in WORDS if word.partition("=")[0] not in given]
    assert walk(*kept, *(words or ()), *(["--trials=4"] * (words is not None))) == 2
    told = capsys.readouterr().err
    assert named in told
    assert told.count("\n") == 1
    assert files() == before


def test_without_optuna_one_message_says_how_to_install_it(walk, capsys, monkeypatch):
    find = "lec7.sweeps.search.importlib.util.find_spec"
    monkeypatch.setattr(find, lambda name: None)
    assert walk(*WORDS, "--trials=4") == 2
    assert "pip install 'lec7[search]'" in capsys.readouterr().err
    assert not pathlib.Path("sweep").exists()
