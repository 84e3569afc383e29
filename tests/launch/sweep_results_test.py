"""What the command says of a sweep, and the files that it leaves."""

import pytest

from lec7 import runs, sweeps
from lec7.command import sweep_results


def rows(*losses, name="validation_loss"):
    return [
        sweeps.Row(
            sweeps.Trial(number, {"rate": 10.0**number}),
            sweeps.FINISHED,
            "",
            {name: loss, f"{name}_sd": 0.1, "test_loss": 1.0, "c0": 2.0},
        )
        for number, loss in enumerate(losses)
    ]


def tell(place, of, asked=None):
    return sweep_results.tell(place / "experiments", place, "fake", of, asked)


def test_the_command_says_what_is_best_and_warns_of_a_border(place):
    answer, warning, page = tell(place, rows(0.5, 0.2, 0.1))
    assert answer == (
        "Of 3 trials 3 finished; the lowest validation_loss, 0.10 ± 0.10, has rate 100."
    )
    assert warning == (
        "warning: the best rate, 100, is the largest that was tried; try larger ones"
    )
    assert page == f"{place / 'index.html'} has them all"
    assert (place / "table.csv").is_file()
    text = (place / "index.html").read_text()
    assert "Does the fake do as it is told?" in text
    assert "trials/00002/report.html" in text


def test_an_objective_of_the_test_is_refused_before_anything_is_written(place):
    with pytest.raises(runs.UsageError, match="--objective=test_loss"):
        tell(place, rows(0.5), "test_loss")
    assert not (place / "index.html").exists()


def test_an_objective_that_no_trial_has_is_a_warning_beside_the_table(place):
    _, warning, _ = tell(place, rows(0.5, 0.1, 0.2), "validaton_loss")
    assert warning == (
        "warning: validaton_loss cannot choose; validation_loss has chosen"
    )
    assert (place / "table.csv").is_file() and (place / "index.html").is_file()


def test_where_several_measures_could_choose_the_one_taken_is_named(place):
    of = [
        row._replace(values=row.values | {"b.validation_loss": 3.0})
        for row in rows(0.5, 0.2, 0.3, name="a.validation_loss")
    ]
    assert any("a.validation_loss has chosen" in line for line in tell(place, of))
    lines = tell(place, of, "b.validation_loss")
    assert not any("has chosen" in line for line in lines)
