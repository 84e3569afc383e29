"""Findings come back to the last bit, or are refused in one message."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from lec7 import runs
from lec7.runs import findings


class Curve(NamedTuple):
    rates: np.ndarray
    name: str


@dataclasses.dataclass(frozen=True)
class Card:
    value: float
    note: str | None = None


class Found(NamedTuple):
    curves: Mapping[str, Curve]
    cards: tuple[Card, ...]
    anything: Any


ABOUT = {"experiment": "toy", "config": '{"seeds":[0,1]}'}
CURVES = {"SGD / momentum": Curve(np.float32([0.1, np.nan, -0.0]), "a\0")}


def found(anything=None):
    return Found(CURVES, (Card(1.5), Card(math.inf, "none")), anything)


def there_and_back(tmp_path, value):
    path = tmp_path / "findings.npz"
    findings.save(path, value, Found, **ABOUT)
    return findings.load(path, Found, **ABOUT)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**70,
        0.1,
        -0.0,
        math.inf,
        "µ 'quoted' \" </script>",
        (),
        [],
        {},
        [1, (2, [3, None])],
        {1: "int", "1": "text", (8, 0.5): "tuple", 0.5: "float"},
    ],
    ids=repr,
)
def test_numbers_words_and_containers_come_back(tmp_path, value):
    back = there_and_back(tmp_path, found(value)).anything
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.float32([np.nan, -0.0, np.inf]),
        np.array([True, False]),
        np.zeros((0, 3), np.int8),
        np.array(["a", "bc"]),
        np.float16(1e-7),
        np.complex64([1j]),
        np.int32(7),
    ],
    ids=repr,
)
def test_arrays_come_back_to_the_last_bit(tmp_path, array):
    back = there_and_back(tmp_path, found({"x": [array]})).anything["x"][0]
    assert type(back) is type(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


def test_records_come_back_as_their_classes(tmp_path):
    back = there_and_back(tmp_path, found())
    assert back.cards == found().cards
    assert type(back.curves["SGD / momentum"]) is Curve
    assert back.curves["SGD / momentum"].name == "a\0"


def test_every_array_is_named_by_its_path(tmp_path):
    there_and_back(tmp_path, found({"lr": {0.1: np.ones(2)}}))
    with np.load(tmp_path / "findings.npz") as file:
        names = set(file.files)
        about = json.loads(str(file["structure"]))
    assert names == {"structure", "curves/SGD ∕ momentum/rates", "anything/lr/0.1"}
    assert (about["experiment"], about["config"]) == ("toy", {"seeds": [0, 1]})


def test_equal_findings_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        findings.save(tmp_path / name, found(np.ones(3)), Found, **ABOUT)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (print, "anything is a builtin_function_or_method; expected arrays"),
        ({"x": [object()]}, "anything/x/0 is a object"),
        (np.array([object()]), "anything cannot be saved, dtype object"),
        ({frozenset(): 1}, "anything has the key frozenset"),
        (NamedTuple("Odd", [("x", int)])(1), "anything hold a Odd, which"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_its_path(tmp_path, value, message):
    with pytest.raises(TypeError, match=message):
        there_and_back(tmp_path, found(value))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("keep", [0, 10, -1, -30])
def test_a_damaged_file_is_refused(tmp_path, keep):
    there_and_back(tmp_path, found(np.arange(1000.0)))
    path = tmp_path / "findings.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(runs.UsageError, match="findings.npz is damaged"):
        findings.load(path, Found, **ABOUT)


def test_a_file_without_one_of_its_arrays_is_refused(tmp_path):
    there_and_back(tmp_path, found())
    path = tmp_path / "findings.npz"
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    del arrays["curves/SGD ∕ momentum/rates"]
    np.savez(path, **arrays)
    with pytest.raises(runs.UsageError, match="findings.npz is damaged .*rates"):
        findings.load(path, Found, **ABOUT)


def test_a_folder_in_the_place_of_the_file_is_damage(tmp_path):
    with pytest.raises(runs.UsageError, match="is damaged"):
        findings.load(tmp_path, Found, **ABOUT)


def test_a_flipped_bit_is_refused(tmp_path):
    there_and_back(tmp_path, found(np.random.default_rng(0).normal(size=1000)))
    path = tmp_path / "findings.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(runs.UsageError, match="findings.npz is damaged"):
        findings.load(path, Found, **ABOUT)


@pytest.mark.parametrize(
    "other", [{"experiment": "tea"}, {"config": '{"seeds":[0,2]}'}]
)
def test_findings_of_another_run_are_refused(tmp_path, other):
    there_and_back(tmp_path, found())
    with pytest.raises(runs.UsageError, match=r"holds findings of toy with .*\[0, 1\]"):
        findings.load(tmp_path / "findings.npz", Found, **ABOUT | other)


def test_findings_of_another_version_are_refused(tmp_path):
    class Found(NamedTuple):
        curves: Mapping[str, Curve]
        more: Any

    there_and_back(tmp_path, found())
    with pytest.raises(
        runs.UsageError,
        match="its Found has curves, cards, anything; expected curves, more: run",
    ):
        findings.load(tmp_path / "findings.npz", Found, **ABOUT)


def test_a_part_is_measured_once(tmp_path):
    context = runs.Context(tmp_path, (), None, ABOUT)
    counts = []

    def measure():
        counts.append(1)
        return np.arange(3)

    for _ in range(2):
        part = context.once("gradient noise", np.ndarray, measure)
        np.testing.assert_array_equal(part, np.arange(3))
    assert counts == [1]
    assert (tmp_path / "parts" / "gradient_noise.npz").is_file()
