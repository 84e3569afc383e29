"""Chosen by validation, told with its spread, and warned of at a border."""

import math

import pytest

from lec7 import runs, sweeps
from lec7.sweeps import choice

LOSS, ACCURACY = "validation_loss", "validation_accuracy"


def row(number, settings, value=None, *, status=sweeps.FINISHED, name=LOSS, **more):
    values = more if value is None else {name: value, **more}
    return sweeps.Row(sweeps.Trial(number, settings), status, "", values)


def rates(*values, **more):
    return [row(i, {"rate": 10.0**i}, value, **more) for i, value in enumerate(values)]


def test_the_validation_loss_is_what_is_chosen_by():
    rows = [row(0, {}, 1.0, test_loss=0.0, train_loss=0.0)]
    assert choice.objective(rows) == LOSS
    several = [row(0, {}, **{"b.validation_loss": 1.0, "a.validation_loss": 2.0})]
    assert choice.objective(several) == "a.validation_loss"
    assert choice.objective([row(0, {}, effect=1.0)]) is None


@pytest.mark.parametrize("name", ["test_loss", "a.test_accuracy", "Test"])
def test_the_test_is_refused(name):
    with pytest.raises(runs.UsageError, match="expected a measure of the validation"):
        choice.objective([row(0, {}, **{name: 1.0})], name)


@pytest.mark.parametrize("name", ["", "validation_loss_sd"])
def test_what_is_no_measure_is_refused_before_any_trial(name):
    with pytest.raises(runs.UsageError, match="such as validation_loss"):
        choice.objective([], name)


def test_a_claim_which_may_rest_on_the_test_chooses_only_where_nothing_else_can():
    rows = [row(0, {}, 1.0, gap=0.1, **{"a.train_accuracy": 1.0})]
    with pytest.raises(runs.UsageError, match="may rest on the test") as raised:
        choice.objective(rows, "gap")
    assert str(raised.value).endswith("validation_loss, a.train_accuracy")
    for name in (LOSS, "a.train_accuracy"):
        assert choice.objective(rows, name) == name
    claims = [row(0, {}, gap=0.1, better_on_test=1.0)]
    assert choice.objective(claims, "gap") == "gap"
    assert choice.choosing(claims) == ["gap"]


def test_an_unknown_objective_is_refused_with_the_nearest():
    with pytest.raises(runs.UsageError, match="did you mean validation_loss"):
        choice.objective(rates(1.0), "validaton_loss")
    assert choice.objective([], "anything") == "anything"  # nobody knows yet


def test_the_lowest_loss_and_the_highest_accuracy_win():
    assert choice.ranked(rates(3.0, 1.0, 2.0), LOSS)[0].settings == {"rate": 10.0}
    best, *_ = choice.ranked(rates(0.3, 0.1, 0.2, name=ACCURACY), ACCURACY)
    assert best.settings == {"rate": 1.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_wins(bad):
    for values in ((bad, 2.0), (2.0, bad)):
        best, *_ = found = choice.ranked(rates(*values), LOSS)
        assert best.value == 2.0 and len(found) == 1
    assert choice.ranked(rates(bad, bad), LOSS) == []


def test_trials_that_differ_by_seeds_are_one_configuration():
    rows = [
        row(number, {"rate": rate, "seeds": (seed,)}, value)
        for number, (rate, seed, value) in enumerate(
            [(1, 0, 1.0), (1, 1, 5.0), (2, 0, 2.0), (2, 1, 3.0)]
        )
    ]
    best, second = found = choice.ranked(rows, LOSS)
    assert (best.settings, best.numbers, best.value) == ({"rate": 2}, (2, 3), 2.5)
    assert best.spread == pytest.approx(math.sqrt(0.5))
    assert second.value == 3.0 and choice.as_good(found) == 1


def test_one_trial_has_the_spread_of_its_members():
    best, *_ = choice.ranked([row(0, {}, 1.0, validation_loss_sd=0.25)], LOSS)
    assert best.spread == 0.25


def test_a_configuration_that_failed_for_some_seeds_does_not_win():
    rows = [
        row(0, {"rate": 1, "seeds": (0,)}, 0.1),
        row(1, {"rate": 1, "seeds": (1,)}, status=sweeps.FAILED),
        row(2, {"rate": 2, "seeds": (0,)}, 0.5),
    ]
    assert choice.ranked(rows, LOSS)[0].settings == {"rate": 2}
    assert choice.ranked(rows[:2], LOSS)[0].settings == {"rate": 1}  # is all there is


@pytest.mark.parametrize(
    "lost",
    [
        row(1, {"rate": 1, "seed": 1}, status=sweeps.FAILED),
        row(1, {"rate": 1}, math.nan),
    ],
)
def test_a_better_configuration_that_one_trial_keeps_out_is_told(lost):
    rows = [row(0, {"rate": 1, "seed": 0}, 0.1), lost, row(2, {"rate": 2}, 0.5)]
    ranked = choice.ranked(rows, LOSS)
    assert choice.left_out(rows, LOSS, ranked) == [
        "of 2 configurations 1 has trials that failed, have not finished or have no "
        "value, and was not compared: rate 1"
    ]
    others = [row(0, {"rate": 1}, status=sweeps.FAILED), row(2, {"rate": 2}, 0.5)]
    assert choice.left_out(others, LOSS, choice.ranked(others, LOSS)) == []


def test_a_best_value_at_the_end_of_its_list_is_warned_of():
    def warnings(*values):
        rows = rates(*values)
        return choice.borders(rows, choice.ranked(rows, LOSS)[0])

    assert warnings(3.0, 1.0, 2.0) == []
    assert warnings(3.0, 2.0, 1.0) == [
        "the best rate, 100, is the largest that was tried; try larger ones"
    ]
    assert "the best rate, 1, is the smallest" in warnings(1.0, 2.0, 3.0)[0]
    assert warnings(1.0, 2.0) == []  # a comparison of two, which has no inside


def test_zero_and_words_and_seeds_are_no_border():
    rows = [
        row(
            number,
            {"decay": 0.1 * number, "rule": "ab"[number % 2], "seeds": number},
            float(number),
        )
        for number in range(4)
    ]
    assert choice.borders(rows, choice.ranked(rows, LOSS)[0]) == []
