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


def test_numbers_come_back_to_the_bit_in_few_digits(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = train.MetricsLog(path, "small")
    loss = np.array([[0.1, 1 / 3]], np.float32)
    wide = np.array([0.1, 2.0**24 + 1])
    ones = np.array([1e-45, 3e38], np.float32)
    log.append(0, {"loss": loss}, BOTH, {"wide": wide, "extreme": ones})
    assert path.read_text().startswith(
        '{"training": "small", "step": 0, "float64": ["wide"], '
        '"loss": [0.1,0.33333334], '
    )
    found = log.read()
    np.testing.assert_array_equal(found["loss"], loss)
    np.testing.assert_array_equal(found["wide"], wide[None])
    np.testing.assert_array_equal(found["extreme"], ones[None])


@pytest.mark.parametrize("members, lines", [(16, [0, 1, 2]), (17, [2])])
def test_most_lines_of_many_members_have_the_loss_alone(tmp_path, members, lines):
    log = train.MetricsLog(tmp_path / "metrics.jsonl", "large")
    made = {name: np.ones((3, members), np.float32) for name in ("loss", "accuracy")}
    log.append(0, made, np.ones(members, bool), {"train_loss": made["loss"][0]})
    found = log.read()
    assert found["accuracy_step"].tolist() == lines
    assert found["loss_step"].tolist() == [0, 1, 2]
