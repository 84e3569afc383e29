"""What a finished trial has found, and the table of a sweep."""

import csv
import json
import math
from typing import NamedTuple

import numpy as np
import pytest

from lec7 import runs, sweeps, train
from lec7.runs import table_files
from lec7.sweeps import results


class One(NamedTuple):
    record: train.Record
    final: dict[str, np.ndarray]  # no training's


class Several(NamedTuple):
    records: dict[str, train.Record]


def record(losses, accuracies):
    losses, accuracies = np.float32(losses), np.float32(accuracies)
    final = {"validation_loss": losses, "validation_accuracy": accuracies}
    return train.Record(np.full(len(losses), 5), {"loss": losses[None]}, final)


def finished(folder, found, kind, effects=()):
    """Write what a trial leaves that its values are read from."""
    path = folder / runs.findings.FILE
    runs.findings.save(path, found, kind, experiment="fake", config="{}")
    claims = [{"id": id, "effect": effect} for id, effect in dict(effects).items()]
    (folder / "claims.json").write_text(json.dumps(claims))
    return folder


def test_a_single_training_gives_means_and_spreads_over_its_members(tmp_path):
    found = One(record([0.5, 1.5], [0.25, 0.75]), {"loss": np.zeros(2)})
    folder = finished(tmp_path, found, One, {"L1": 2.0, "open": None})
    got = results.values(folder)
    assert [*got] == [
        *("validation_loss", "validation_loss_sd"),
        *("validation_accuracy", "validation_accuracy_sd"),
        *("L1", "open"),
    ]
    assert got["validation_loss"] == 1.0 and got["L1"] == 2.0
    assert got["validation_loss_sd"] == pytest.approx(math.sqrt(0.5))
    assert math.isnan(got["open"])


def test_several_trainings_are_told_apart_by_their_paths(tmp_path):
    found = Several({"small batch": record([1], [1]), "large": record([2], [1])})
    got = results.values(finished(tmp_path, found, Several))
    assert got["records.small_batch.validation_loss"] == 1.0
    assert got["records.large.validation_loss"] == 2.0
    assert not any(name.endswith("_sd") for name in got)  # of one member


def test_a_member_that_diverged_leaves_no_mean(tmp_path):
    found = Several({"a": record([1, np.nan], [1, np.nan])})
    got = results.values(finished(tmp_path, found, Several))
    assert math.isnan(got["validation_loss"])


def test_a_member_that_exploded_is_read_without_a_warning(tmp_path):
    found = Several({"a": record([1, np.inf], [1, 1])})
    got = results.values(finished(tmp_path, found, Several))
    assert got["validation_loss"] == math.inf
    assert math.isnan(got["validation_loss_sd"])


@pytest.mark.parametrize("name", [runs.findings.FILE, "claims.json"])
def test_damage_is_named_with_its_folder(name, tmp_path):
    finished(tmp_path, Several({"a": record([1], [1])}), Several)
    (tmp_path / name).write_bytes(b"PK no")
    with pytest.raises(runs.UsageError, match=f"{tmp_path}.*damaged"):
        results.values(tmp_path)


@pytest.mark.parametrize(
    "content",
    ['[{"id": "a", "effect": 1' + "0" * 400 + "}]", "[" * 100_000, "[3]", "{}x", "3"],
)
def test_claims_that_no_run_has_written_are_damage(content, tmp_path):
    finished(tmp_path, Several({"a": record([1], [1])}), Several)
    (tmp_path / "claims.json").write_text(content)
    with pytest.raises(runs.UsageError, match="damaged"):
        results.values(tmp_path)


def row(number, settings, status=sweeps.FINISHED, said="", **values):
    return sweeps.Row(sweeps.Trial(number, settings), status, said, values)


ROWS = [
    row(1, {"rate": 0.1, "widths": (8, 8)}, sweeps.FAILED, 'diverged,\n"all"'),
    row(0, {"rate": 1, "widths": (8,), "schedule": "none"}, loss=math.nan),
]


def test_the_table_has_a_line_for_each_trial_and_the_same_bytes_again(tmp_path):
    first = results.write_table(tmp_path / "a", ROWS)
    again = results.write_table(tmp_path / "b", ROWS[::-1])
    assert [path.read_bytes() for path in first] == [
        path.read_bytes() for path in again
    ]
    with first[0].open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["number", "rate", "widths", "schedule", "status", "said", "loss"]
    assert lines == [
        ["0", "1", "8", "none", "finished", "", "nan"],
        ["1", "0.1", "8 8", "", "failed", 'diverged,\n"all"', ""],
    ]


def test_the_parquet_table_has_the_same_numbers_with_their_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    got = parquet.read_table(results.write_table(tmp_path, ROWS)[1]).to_pydict()
    assert got["rate"] == [1.0, 0.1] and got["widths"] == ["8", "8 8"]
    assert math.isnan(got["loss"][0]) and got["loss"][1] is None


def test_without_pyarrow_the_table_is_csv_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "can_write_parquet", lambda: False)
    assert [path.name for path in results.write_table(tmp_path, ROWS)] == ["table.csv"]
