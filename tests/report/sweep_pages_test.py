"""The page of a sweep says what is best, and holds every trial."""

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from lec7.report import parallels, responses, sweep_axes, sweep_pages, tried

LOSS = "validation_loss"
RATES = [0.01, 0.1, 1.0]


def trial(number, rate, loss=None, status="finished", said=""):
    values = {} if loss is None else {LOSS: loss, "test_loss": 2 * loss}
    settings = {"rate": rate, "rule": "sgd"}
    link = f"trials/{number:05d}/report.html"
    return tried.Trial(number, settings, status, said, values, {}, link)


TRIALS = [
    trial(0, 0.01, 0.5),
    trial(1, 0.1, 0.3),
    trial(2, 1.0, math.nan),
    trial(3, 1.0, None, "failed", "diverged <at> once"),
]


def sweep(trials=TRIALS, **changes):
    best = tried.Best({"rate": 0.1, "rule": "sgd"}, (1,), 0.3, 0.02, 0, 2)
    given = {
        "experiment": "fake",
        "question": "Which rate?",
        "trials": trials,
        "fields": {"rate": RATES},
        "objective": LOSS,
        "higher": False,
        "best": best,
        "measures": [LOSS, "test_loss"],
        "warnings": [
            "the best rate, 1, is the largest that was tried; try larger ones"
        ],
        "tables": ["table.csv"],
    }
    return tried.Sweep(**given | changes)


def test_the_answer_is_one_sentence_with_the_best_and_the_counts():
    assert tried.answer(sweep()) == (
        "Of 4 trials 3 finished (1 failed); the lowest `validation_loss`, "
        "0.300 ± 0.020, has rate 0.1 and rule sgd."
    )
    assert "; none is best." in tried.answer(sweep(best=None))
    nothing = sweep(best=None, objective=None)
    assert "; no measure to choose by." in tried.answer(nothing)


def test_one_configuration_is_not_called_the_best_of_several(tmp_path):
    best = tried.Best({}, (0, 1), 0.4, 0.1, 0, 1)
    seeds = sweep(TRIALS[:1], best=best, fields={})
    assert tried.answer(seeds) == (
        "Of 1 trial 1 finished; the `validation_loss` of the only configuration is "
        "0.40 ± 0.10."
    )
    seeds = sweep(TRIALS[:2], best=best, fields={})
    text = sweep_pages.write_sweep(tmp_path, seeds).read_text()
    assert "No other configuration could be compared" in text
    assert "1 configurations" not in text and "best of many" not in text


@pytest.mark.parametrize("largest", [0.6, 1e30])
def test_what_lies_beyond_an_axis_is_told_of_where_something_does(largest, tmp_path):
    trials = [*TRIALS[:2], trial(2, 1.0, 0.2), trial(3, 1.0, largest)]
    text = sweep_pages.write_sweep(tmp_path, sweep(trials)).read_text()
    assert ("times the median is drawn at an end" in text) == (largest > 1)


def test_every_trial_is_a_row_and_those_that_failed_say_why(tmp_path):
    text = sweep_pages.write_sweep(tmp_path, sweep()).read_text()
    rows = re.findall(r'<tr[^>]* data-trial="(\d)".*?</tr>', text)
    assert rows == ["1", "0", "2", "3"]  # the best first
    assert "diverged &lt;at&gt; once" in text
    assert 'href="trials/00001/report.html"' in text
    assert 'href="trials/00003/report.html"' not in text
    assert "<b>Warning: </b>the best rate, 1, is the largest" in text
    assert not re.search(r'(src|href)="(https?:)?//', text)


def test_the_page_of_the_same_trials_has_the_same_bytes(tmp_path):
    pages = [
        sweep_pages.write_sweep(tmp_path / f"{len(name)}", sweep(trials)).read_bytes()
        for name, trials in {"as": TRIALS, "planned": TRIALS[::-1]}.items()
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("objective", [LOSS, None])
def test_a_sweep_without_a_finished_trial_has_a_page(objective, tmp_path):
    begun = [trial(n, rate, None, "unfinished") for n, rate in enumerate(RATES)]
    given = {"best": None, "objective": objective, "measures": []}
    text = sweep_pages.write_sweep(tmp_path, sweep(begun, **given)).read_text()
    assert "Of 3 trials 0 finished (3 unfinished)" in text


def test_a_page_of_very_many_trials_shows_the_best_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(tried, "SHOWN", 2)
    text = sweep_pages.write_sweep(tmp_path, sweep()).read_text()
    assert "The best 2 of 4 trials; " in text
    assert 'data-trial="3"' not in text
    monkeypatch.setattr(tried, "SHOWN", 1)
    text = sweep_pages.write_sweep(tmp_path, sweep()).read_text()
    assert 'place 1 <i style="--share: 100%"' in text and "worst" not in text


def test_the_lines_are_of_all_trials_however_few_are_drawn(tmp_path, monkeypatch):
    trials = [trial(n, RATES[n % 3], 1.0 + n) for n in range(9)]
    given = [sweep(trials, measures=[LOSS])] * 2
    whole = sweep_pages.write_sweep(tmp_path, given[0]).read_text()
    monkeypatch.setattr(tried, "SHOWN", 4)
    cut = sweep_pages.write_sweep(tmp_path, given[1]).read_text()
    lines = re.compile(r'<polyline[^>]* class="(?:median|through)"[^>]*>')
    assert lines.findall(cut) == lines.findall(whole) != []
    assert (whole.count("<circle"), cut.count("<circle")) == (9, 4)


def test_words_are_never_taken_together_as_neighbours():
    words = [f"rule{n}" for n in range(20)]
    given = [responses.Point(n, word, n, None, "") for n, word in enumerate(2 * words)]
    picture = responses.draw("rule", sweep_axes.of_setting(words), "loss", given)
    assert len(points(picture, "median")) == 20


def points(element, kind):
    found = [x for x in element.iter("polyline") if x.get("class") == kind]
    return [tuple(map(float, p.split(","))) for p in found[0].get("points").split()]


def test_a_line_leads_through_its_settings_to_its_value_the_best_at_the_top():
    axes = {"rate": sweep_axes.of_setting(RATES)}
    lines = [
        parallels.Line(n, {"rate": rate}, value, share, "", is_best=n == 1)
        for n, (rate, value, share) in enumerate(
            [(0.01, 0.5, 0.0), (0.1, 0.3, 1.0), (1.0, None, None)]
        )
    ]
    picture = parallels.draw(axes, LOSS, lines, higher=False)
    worst, best, lost = (points(picture, kind) for kind in (None, "best", "lost"))
    assert worst[0][1] > best[0][1] > lost[0][1]  # y grows downwards, as rates fall
    assert best[1][1] < worst[1][1] < lost[1][1]
    picture = parallels.draw(axes, LOSS, lines, higher=True)
    assert points(picture, "best")[1][1] > points(picture, None)[1][1]


def test_the_curve_goes_by_the_objective_whatever_is_shown():
    # Of each rate the trial that is best by validation has the larger test loss.
    given = [(0.01, 4.0, 0.9), (0.01, 1.0, 0.1), (0.1, 5.0, 0.8), (0.1, 1.0, 0.2)]
    picture = responses.draw(
        "rate",
        sweep_axes.of_setting(RATES),
        "test_loss",
        [responses.Point(n, *point, "") for n, point in enumerate(given)],
    )
    heights = [
        [float(dot.get("cy")) for dot in picture.iter("circle")][place]
        for place in (0, 2)
    ]
    assert [y for _, y in points(picture, "through")] == heights
    ElementTree.tostring(picture)


def test_curves_of_many_settings_are_of_those_beside_each_other():
    rates = [1.02**n for n in range(200)]
    given = [
        responses.Point(n, rate, 1 + n % 2, 1 - n % 2, "")
        for n, rate in enumerate(rates)
    ]
    axis = sweep_axes.of_setting(rates)
    picture = responses.draw("rate", axis, "loss", given)
    assert len(points(picture, "through")) == len(points(picture, "median")) == 9
    assert len({y for _, y in points(picture, "through")}) == 1  # of the good ones
