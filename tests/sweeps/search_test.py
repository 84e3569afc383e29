"""A search asks for the same trials however it is run, and finds what is good."""

import importlib.util
import math
import random

import pytest

from lec7 import runs, sweeps
from lec7.sweeps import search

needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="optuna is missing"
)
SPACE = {
    "rate": sweeps.Range(1e-4, 1.0, log=True, whole=False),
    "dropout": sweeps.Range(0.0, 0.5, log=False, whole=False),
    "width": sweeps.Range(8, 128, log=True, whole=True),
    "rule": ["sgd", "adam"],
    "widths": [(8,), (8, 8)],
}
LOSS = "validation_loss"


def row(trial, value=None):
    """A trial that ended with a loss, or failed where it has none."""
    if value is None:
        return sweeps.Row(trial, sweeps.FAILED, "diverged", {})
    return sweeps.Row(trial, sweeps.FINISHED, "", {LOSS: value})


def measured(trial):
    """A loss with its minimum at a rate of 0.03 with Adam."""
    off = math.log10(trial.settings["rate"] / 0.03)
    return row(trial, off**2 + (trial.settings["rule"] == "sgd"))


def searched(trials, *, at_once=4, measure=measured, seed=0, order=None):
    """All trials of a search of which so many are done at once."""
    rows = []
    while len(rows) < trials:
        asked = search.search(SPACE, rows, LOSS, seed)
        rows += [measure(trial) for trial in asked[:at_once]]
        if order:
            order.shuffle(rows)
    return sorted((row.trial for row in rows), key=lambda trial: trial.number)


@needs_optuna
def test_the_trials_are_the_same_whatever_the_workers_and_the_order_of_their_ends():
    expected = searched(16)
    assert [trial.number for trial in expected] == [*range(16)]
    assert searched(16, at_once=1) == expected
    assert searched(16, at_once=3, order=random.Random(0))[:16] == expected
    assert searched(16, seed=1) != expected


@needs_optuna
def test_values_are_of_the_space_and_short():
    for trial in searched(24):
        got = trial.settings
        assert [*got] == [*SPACE]
        assert 1e-4 <= got["rate"] <= 1 and 0 <= got["dropout"] <= 0.5
        assert len(f"{got['rate']:.12g}".strip("0.").partition("e")[0]) <= 5
        assert got["width"] in range(8, 129) and isinstance(got["width"], int)
        assert got["rule"] in SPACE["rule"] and got["widths"] in SPACE["widths"]


@needs_optuna
def test_the_search_goes_where_the_objective_is_good():
    late = searched(40)[20:]
    off = [abs(math.log10(trial.settings["rate"] / 0.03)) for trial in late]
    assert sorted(off)[len(off) // 2] < 0.6  # of 2.5 decades below and 1.5 above
    assert sum(trial.settings["rule"] == "adam" for trial in late) > 12


@needs_optuna
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_trial_without_a_value_is_told_and_does_not_stop_the_search(value):
    def measure(trial):
        return row(trial, value) if trial.number % 3 == 0 else measured(trial)

    assert len(searched(16, measure=measure)) == 16
    assert len(searched(8, measure=lambda trial: row(trial, value))) == 8


@needs_optuna
def test_an_accuracy_is_to_be_high():
    rows = []
    for _ in range(8):
        asked = search.search(SPACE, rows, "validation_accuracy", 0)
        rows += [
            sweeps.Row(
                trial,
                sweeps.FINISHED,
                "",
                {"validation_accuracy": float(trial.settings["dropout"])},
            )
            for trial in asked
        ]
    late = [row.trial.settings["dropout"] for row in rows[16:]]
    assert sum(late) / len(late) > 0.3


@needs_optuna
@pytest.mark.parametrize(
    ("space", "objective", "message"),
    [
        (SPACE, "test_loss", "expected a measure of the validation"),
        ({"a": sweeps.Range(0, 1, log=True, whole=False)}, LOSS, "above 0"),
        ({"a": sweeps.Range(2, 1, log=False, whole=False)}, LOSS, "rising ends"),
        ({"a": []}, LOSS, "a has no values"),
    ],
)
def test_what_cannot_be_searched_is_one_message(space, objective, message):
    with pytest.raises(runs.UsageError, match=message):
        search.search(space, [], objective, 0)


def test_without_optuna_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(runs.UsageError, match=r"pip install 'lec7\[search\]'"):
        search.search(SPACE, [], LOSS, 0)
