"""What may be quoted, and the table that is made of it."""

import json

import pytest

from benchmarks import case, results, timing

ROW = case.Row("an MLP", build=None, note="small")


def recorded(rounds=5, *, wanted=5, dropped=0, foreign=0.01, refusal=None):
    seconds = {"lec7": [0.2] * rounds, "torch": [0.4] * rounds, "Flax": [0.1] * rounds}
    made = case.Case(runs={}, count=100, note="true error 1e-3")
    measured = timing.Rounds(seconds, dropped, foreign)
    return results.record(ROW, made, measured, wanted=wanted, refusal=refusal)


def test_a_record_has_the_time_of_a_unit_and_ratios_to_every_peer():
    found = recorded()
    assert found["milliseconds"]["lec7"] == pytest.approx(2.0)
    assert found["ratios"]["torch"] == {"median": 2.0, "low": 2.0, "high": 2.0}
    assert found["ratios"]["Flax"]["median"] == 0.5
    assert found["not_quoted"] is None
    assert found["note"] == "true error 1e-3. small"
    json.dumps(found)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rounds": 2, "dropped": 8}, "8 of 10 rounds under other load"),
        ({"rounds": 0, "dropped": 10}, "10 of 10 rounds under other load"),
        ({"rounds": 5, "wanted": 11, "dropped": 17}, "17 of 22 rounds"),
        ({"foreign": 0.4}, "others used up to 40% of the machine"),
        ({"refusal": "two threads do 1.10 times"}, "two threads do 1.10 times"),
    ],
)
def test_what_the_machine_did_not_deliver_is_not_quoted(options, reason):
    found = recorded(**options)
    assert reason in found["not_quoted"]
    told = results.table({"mlp": found})
    assert f"not quoted: {reason}" in told
    assert "2.00" not in told


@pytest.mark.parametrize("options", [{"rounds": 3}, {"rounds": 6, "wanted": 11}])
def test_half_of_the_rounds_and_at_least_three_are_enough(options):
    assert recorded(**options)["not_quoted"] is None


def test_a_single_round_that_was_asked_for_is_enough():
    assert recorded(rounds=1, wanted=1)["not_quoted"] is None


def test_the_table_has_a_line_for_every_peer():
    assert results.table({"mlp": recorded()}).splitlines()[2:] == [
        "| an MLP | torch | 2.00 (2.00 to 2.00) | 2.00 ms a step |"
        " true error 1e-3. small |",
        "| | Flax | 0.50 (0.50 to 0.50) | 2.00 ms a step | |",
    ]


def test_what_may_not_be_quoted_is_shown_in_brackets_where_it_is_asked_for():
    told = results.table({"mlp": recorded(foreign=0.4)}, any_load=True)
    assert "| (2.00 (2.00 to 2.00)) | (2.00 ms a step) |" in told
    empty = results.table({"mlp": recorded(rounds=0, dropped=3)}, any_load=True)
    assert "not quoted: 3 of 3 rounds" in empty


def test_a_row_without_peers_has_its_time():
    made = case.Case(runs={})
    measured = timing.Rounds({"lec7": [6.1] * 3}, 0, 0.0)
    found = results.record(ROW, made, measured, wanted=3, refusal=None)
    assert "| an MLP | - | - | 6100 ms a step | small |" in results.table({"s": found})


def test_rows_keep_their_order_and_those_of_another_machine_go():
    old = {"machine": {"threads": 2}, "rows": {"b": {"work": "B"}}}
    same = results.merge(old, "a", {"work": "A"}, {"threads": 2}, order="ab")
    assert list(same["rows"]) == ["a", "b"]
    other = results.merge(old, "a", {"work": "A"}, {"threads": 4}, order="ab")
    assert list(other["rows"]) == ["a"]


def test_the_table_replaces_what_is_between_the_marks():
    before = f"Text\n{results.BEGIN}\nold\n{results.END}\nMore\n"
    once = results.with_table(before, "| new |")
    assert once == f"Text\n{results.BEGIN}\n| new |\n{results.END}\nMore\n"
    assert results.with_table(once, "| new |") == once


@pytest.mark.parametrize(
    "document",
    [
        "no marks",
        results.BEGIN,
        f"{results.END} {results.BEGIN}",
        f"{results.BEGIN} {results.END} {results.END}",
        f"{results.BEGIN} {results.BEGIN} {results.END}",
    ],
)
def test_a_document_without_both_marks_is_refused(document):
    with pytest.raises(ValueError, match="expected them around the table"):
        results.with_table(document, "| new |")


def test_results_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "results.json"
    assert results.read(path) == {"rows": {}}
    written = {"machine": {"threads": 2}, "rows": {"mlp": recorded()}}
    results.write(path, written)
    assert results.read(path) == written
    path.write_text("[]")
    with pytest.raises(ValueError, match="expected what --json has written"):
        results.read(path)
