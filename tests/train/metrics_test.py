"""Every step has exactly one line, whatever interrupted the writing."""

import json

import numpy as np
import pytest

from lec7 import train

BOTH = np.array([True, True])


def write(log, first, count, active=BOTH):
    loss = np.arange(first, first + count, dtype=np.float32)[:, None] + [0.0, 0.5]
    log.append(first, {"loss": loss}, active, {"train_loss": loss[-1]})


def steps_of(path):
    return [(row["training"], row["step"]) for row in rows_of(path)]


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_come_back_as_arrays(tmp_path):
    log = train.MetricsLog(tmp_path / "metrics.jsonl", "small")
    write(log, 0, 3)
    write(log, 3, 2)
    found = log.read()
    np.testing.assert_array_equal(found["loss"], np.arange(5)[:, None] + [0.0, 0.5])
    np.testing.assert_array_equal(found["loss_step"], np.arange(5))
    np.testing.assert_array_equal(found["train_loss_step"], [2, 4])


def test_what_is_missing_or_not_finite_is_null_in_strict_json(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = train.MetricsLog(path, "small")
    loss = np.array([[np.inf, 1.0]])
    log.append(0, {"loss": loss}, np.array([True, False]), {"test_loss": loss[0]})
    row = rows_of(path)[0]
    assert row["loss"] == [None, None]
    assert row["test_loss"] == [None, 1.0]
    assert np.isnan(log.read()["loss"]).all()


@pytest.mark.parametrize(
    "torn", ["", '{"training": "large", "st', '{"training": "la\n']
)
def test_rewinding_drops_later_steps_and_a_torn_line(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    small = train.MetricsLog(path, "small")
    large = train.MetricsLog(path, "large")
    write(small, 0, 3)
    write(large, 0, 4)
    with path.open("a") as file:
        file.write(torn)
    assert large.rewind(2) == 2
    expected = [("small", 0), ("small", 1), ("small", 2), ("large", 0), ("large", 1)]
    assert steps_of(path) == expected


def test_rewinding_to_the_start_leaves_the_other_training_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    small = train.MetricsLog(path, "small")
    large = train.MetricsLog(path, "large")
    write(small, 0, 3)
    write(large, 0, 4)
    assert large.rewind(0) == 0
    assert small.rewind(3) == 3
    assert steps_of(path) == [("small", step) for step in range(3)]
