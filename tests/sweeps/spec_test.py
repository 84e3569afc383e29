"""The grammar of `--sweep`, and the trials that come of it."""

import json
import math
import pathlib
import re
import shutil

import pytest

from lec7 import runs
from lec7.sweeps import planning, spec

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.fixture(scope="module")
def experiments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments")
    shutil.copy(HERE / "walk.py", folder)
    return folder


@pytest.fixture
def plan(experiments):
    def made(text, **options):
        given = {"base": {}} | options
        return planning.plan(experiments, "walk", text, **given)

    return made


def settings(plan):
    return [dict(trial.settings) for trial in plan.trials]


def test_a_grid_has_every_combination_and_the_last_field_varies_fastest(plan):
    found = plan("rate=0.1,1.5;steps=log(1,100,3)")
    assert settings(found) == [
        {"rate": rate, "steps": steps} for rate in (0.1, 1.5) for steps in (1, 10, 100)
    ]
    assert [trial.number for trial in found.trials] == list(range(6))


def test_a_grid_has_both_ends_and_equal_ratios_or_differences(plan):
    rates = [row["rate"] for row in settings(plan("rate=log(1e-4,1,9)"))]
    assert (rates[0], rates[-1]) == (1e-4, 1.0)
    for one, two in zip(rates, rates[1:], strict=False):
        assert math.isclose(two / one, math.sqrt(10), rel_tol=1e-5)
    noises = [row["noise"] for row in settings(plan("noise=lin(0,0.3,4)"))]
    assert noises == [0.0, 0.1, 0.2, 0.3]


def test_whole_numbers_stay_whole(plan):
    found = settings(plan("steps=lin(16,64,4)"))
    assert [repr(row["steps"]) for row in found] == ["16", "32", "48", "64"]


def test_a_number_of_seeds_stands_for_the_first_seeds(plan):
    found = plan("seeds=4;rate=0.1,0.2")
    assert settings(found)[1] == {"seeds": (0, 1, 2, 3), "rate": 0.2}
    assert found.trials[0].words[:5] == ["--config.seeds", "0", "1", "2", "3"]
    assert found.networks == [4, 4]


def test_a_list_of_lists_has_spaces_in_each(plan):
    assert settings(plan("seeds=0 1,7")) == [{"seeds": (0, 1)}, {"seeds": (7,)}]


def test_more_trials_extend_the_same_list(plan):
    text = "rate=log(1e-4,1);steps=lin(1,9);noise=0.1,0.2"
    few, many = plan(text, trials=5, seed=3), plan(text, trials=50, seed=3)
    assert settings(many)[:5] == settings(few)
    assert settings(plan(text, trials=5, seed=4)) != settings(few)
    assert few.sweep.folder == many.sweep.folder


def test_draws_are_uniform_on_their_scale(plan):
    text = "rate=log(1e-4,1);steps=lin(1,4);noise=0.1,0.2"
    found = settings(plan(text, trials=2000))
    below = sum(row["rate"] < 1e-2 for row in found)
    assert abs(below - 1000) < 4 * math.sqrt(500)
    for field, values in {"steps": (1, 2, 3, 4), "noise": (0.1, 0.2)}.items():
        share = 2000 / len(values)
        for value in values:
            count = sum(row[field] == value for row in found)
            assert abs(count - share) < 4 * math.sqrt(share)


def test_a_draw_is_pinned_since_folders_on_disks_depend_on_it(plan):
    (trial,) = plan("rate=log(1e-4,1)", trials=1, seed=0).trials
    assert trial.settings["rate"] == 0.0766985


@pytest.mark.parametrize(
    ("text", "options", "named"),
    [
        (";", {}, "varies nothing"),
        ("rate", {}, "'rate' has no value"),
        ("rate=0.1;rate=0.2", {}, "rate is given twice"),
        ("rate=0.1,0.1", {}, "a value is given twice"),
        ("rate=0.1,1e-1", {}, "trials 0 and 1 are the same"),
        ("rate=", {}, "a value is empty"),
        ("rate=0.1,,0.2", {}, "a value is empty"),
        ("rate=log(0,1,3)", {}, "numbers above 0"),
        ("rate=log(-1,1,3)", {}, "numbers above 0"),
        ("rate=lin(1,0,3)", {}, "the smaller one first"),
        ("rate=lin(0,inf,3)", {}, "two finite numbers"),
        ("rate=lin(0,1,1)", {}, "2 numbers or more"),
        ("rate=lin(1)", {}, "lin(FROM,TO,HOW MANY)"),
        ("rate=lin(1,2,3,4)", {}, "lin(FROM,TO,HOW MANY)"),
        ("rate=log(a,b,3)", {}, "log(FROM,TO,HOW MANY)"),
        ("steps=lin(1,3,7)", {}, "only 3 different whole numbers"),
        ("steps=lin(0.5,3,2)", {}, "whole ends"),
        ("rate=0.1,-1", {}, "trial 1: --config.rate=-1: rate is -1.0"),
        ("rate=fast", {}, "trial 0: --config.rate=fast: expected float"),
        ("rat=0.1", {}, "did you mean --config.rate?"),
        ("rat=log(0.1,1,3)", {}, "did you mean --config.rate?"),
        (
            "rate=0.1",
            {"base": {"rate": ["1"]}},
            "--config.rate: rate is in --sweep too",
        ),
        ("rate=0.1", {"base": {"noise": ["x"]}}, "--config.noise=x: expected float"),
        ("rate=log(0.1,1)", {}, "--trials is missing"),
        ("rate=0.1", {"trials": 3}, "--trials=3: nothing is drawn"),
        ("rate=0.1", {"seed": 3}, "--sweep_seed=3: nothing is drawn"),
        ("rate=log(0.1,1)", {"trials": 100_001}, "100,001 trials"),
        ("rate=lin(1,2,1000);noise=lin(1,2,1000)", {}, "1,000,000 trials"),
        ("rate=lin(1,2,1000000000)", {}, "1,000,000,000 trials"),
        ("seeds=0", {}, "seeds=0: expected how many"),
        ("seeds=99999999999999", {}, "expected how many"),
        ("seeds=1_0", {}, "seeds=1_0: expected how many"),
        ("rate=lin(-1e308,1e308,3)", {}, "whose difference is finite"),
        ("noise=-0.0,0.0", {}, "trials 0 and 1 are the same"),
        ("steps=lin(1,1e300,3)", {}, "whole numbers of 2**53 at most"),
        ("rate=LOG(0.1,1,3)", {}, "alone"),
        ("rate=log(0.1,1,3", {}, "log(FROM,TO,HOW MANY)"),
        ("rate=log(0.1,1,3),0.5", {}, "log(FROM,TO,HOW MANY)"),
        ("rate=0.1\0", {}, "expected text without NUL"),
        ("rate=\ud800", {}, "half of a surrogate pair"),
        (f"rate=0.1,{'1' * 40_000}", {}, "40,000 letters"),
        ("missing.json", {}, "missing.json: No such file"),
        ("MISSING.JSON", {}, "MISSING.JSON: No such file"),
    ],
)
def test_a_wrong_sweep_is_one_message(plan, text, options, named):
    with pytest.raises(runs.UsageError) as raised:
        plan(text, **options)
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_lists_the_trials(plan, tmp_path):
    file = tmp_path / "trials.json"
    file.write_text('[{"rate": 1e-2, "seeds": [0, 1]}, {"steps": 7}]')
    assert settings(plan(str(file))) == [{"rate": 0.01, "seeds": (0, 1)}, {"steps": 7}]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "expected JSON"),
        ("{}", "expected a list of objects"),
        ("[]", "expected a list of objects"),
        ("[3]", "entry 0 is 3"),
        ('[{"rate": []}]', "rate is []"),
        ('[{"rate": {"a": 1}}]', "rate is {'a': 1}"),
        ('[{"rate": 0.1}, {"rate": 0.1}]', "trials 0 and 1 are the same"),
        ('[{"rate": 0.1, "rate": 0.2}]', "rate is given twice in one object"),
        ('[{"rate": "0.1\\u0000"}]', "trial 0: 'rate' is '0.1\\x00'"),
        ('[{"rate": "\\ud800"}]', "half of a surrogate pair"),
        ("[" * 100_000, "expected JSON"),
        ("[" * 100_000 + "]" * 100_000, "expected JSON"),
        (" " * (2**26 + 1), "more than 64 MiB"),
    ],
)
def test_a_wrong_file_is_one_message(plan, tmp_path, content, named):
    file = tmp_path / "trials.json"
    file.write_text(content)
    with pytest.raises(runs.UsageError) as raised:
        plan(str(file))
    assert named in str(raised.value)


def test_a_file_may_begin_with_a_byte_order_mark(plan, tmp_path):
    (tmp_path / "T.JSON").write_text('[{"rate": 0.01}]', encoding="utf-8-sig")
    assert settings(plan(str(tmp_path / "T.JSON"))) == [{"rate": 0.01}]


def test_zeros_before_a_number_of_seeds_do_not_count(plan):
    assert settings(plan("seeds=0000000003")) == [{"seeds": (0, 1, 2)}]


def test_a_file_of_trials_is_not_searched_in(experiments):
    options = {"base": {}, "trials": 4, "seed": 0, "members": 1, "objective": None}
    with pytest.raises(runs.UsageError, match="expected ranges to search in"):
        planning.plan_search(experiments, "walk", "t.json", **options)


def test_what_is_written_of_a_sweep_is_canonical(plan):
    found = plan("rate=log(1e-4,1);steps=5", trials=2, base={"noise": ["0.1"]})
    assert json.loads(found.sweep.json) == {
        "base": {"noise": ["0.1"]},
        "experiment": "walk",
        "format": planning.FORMAT,
        "members": 1,
        "objective": None,
        "search": None,
        "seed": 0,
        "spec": [["rate", "log(1e-4,1)"], ["steps", "5"]],
        "trials": [2],
    }
    assert spec.read(" rate = 0.1 , 0.2 ; ")["rate"].values == (("0.1",), ("0.2",))


def test_every_sweep_of_the_documentation_can_be_planned():
    text = "".join(file.read_text() for file in (ROOT / "docs").glob("*.md"))
    text = text.replace("\\\n", "")
    form = r"--experiment=(\w+) --sweep='([^']+=[^']+)'(.*)"
    found = [each for each in re.findall(form, text) if each[0] != "NAME"]
    assert len(found) >= 3
    for name, sweep, rest in found:
        count = re.search(r"--trials=(\d+)", rest)
        trials = int(count[1]) if count else None
        given = (ROOT / "experiments", name, sweep)
        if "--search" in rest:
            more = {"seed": None, "members": 1, "objective": None}
            planning.plan_search(*given, base={}, trials=trials, **more)
        else:
            planning.plan(*given, base={}, trials=trials)
