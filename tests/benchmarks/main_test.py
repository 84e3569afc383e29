"""The command line measures rows, or writes the table of the document."""

import itertools
import json

import pytest

from benchmarks import __main__ as command
from benchmarks import case, results, rows


@pytest.fixture
def quiet(monkeypatch):
    """Two rows of nothing, on a machine that may be quoted."""
    made = case.Case({"lec7": lambda: 0, "torch": lambda: 0})
    monkeypatch.setattr(
        rows, "ROWS", {name: case.Row(name, lambda stack: made) for name in "ab"}
    )
    monkeypatch.setattr(command.machine, "speedup", lambda: 2.0)
    monkeypatch.setattr(command.machine, "MOST_FOREIGN", 2.0)
    monkeypatch.setattr(command.time, "sleep", lambda seconds: None)


def test_rows_are_measured_printed_and_kept(quiet, tmp_path, capsys):
    path = tmp_path / "results.json"
    words = [f"--json={path}", "--rounds=2"]
    assert command.main([*words, "--only=b"]) == 0
    assert list(json.loads(path.read_text())["rows"]) == ["b"]
    assert "| b | torch |" in capsys.readouterr().out
    assert command.main(words) == 0
    assert list(json.loads(path.read_text())["rows"]) == ["a", "b"]


def test_a_machine_with_one_real_core_is_not_quoted(quiet, tmp_path, monkeypatch):
    monkeypatch.setattr(command.machine, "speedup", lambda: 1.79)
    path = tmp_path / "results.json"
    assert command.main([f"--json={path}", "--only=a"]) == 0
    row = json.loads(path.read_text())["rows"]["a"]
    assert row["not_quoted"] == "two threads do 1.79 times the work of one"
    assert "ratios" not in row
    assert command.main([f"--json={path}", "--only=a", "--any-load"]) == 0
    row = json.loads(path.read_text())["rows"]["a"]
    assert row["not_quoted"] == "two threads do 1.79 times the work of one"
    assert set(row["ratios"]) == {"torch"}


def test_a_missing_peer_is_named(quiet, tmp_path, monkeypatch, capsys):
    def build(stack):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setitem(rows.ROWS, "a", case.Row("a", build))
    assert command.main([f"--json={tmp_path / 'r.json'}", "--only=a"]) == 2
    error = capsys.readouterr().err
    assert "No module named 'torch'; expected the extra bench" in error


def test_a_wrong_name_is_refused(tmp_path, capsys):
    assert command.main(["--only=resnet", f"--json={tmp_path / 'r.json'}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("--only has resnet; expected adam, digits_mlp")


def test_the_table_of_the_document_is_that_of_the_results(tmp_path, monkeypatch):
    page, path = tmp_path / "docs" / "benchmarks.md", tmp_path / "results.json"
    page.parent.mkdir()
    page.write_text(f"# A\n{results.BEGIN}\n{results.END}\n")
    results.write(path, {"machine": {"threads": 2}, "rows": {}})
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert command.main([f"--json={path}", "--table"]) == 0
    assert f"{results.HEADER}\n\nthreads 2\n{results.END}" in page.read_text()


def test_the_committed_table_is_that_of_the_committed_results():
    page = (command.ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    kept = results.read(command.ROOT / "benchmarks" / "results.json")
    assert results.with_table(page, results.told(kept)) == page


def test_names_and_work_of_rows_are_their_own():
    work = [row.work for row in rows.ROWS.values()]
    assert len(set(work)) == len(work)
    assert not [word for word in itertools.chain(work, rows.ROWS) if "|" in word]
