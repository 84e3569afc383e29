import dataclasses
import json
import pathlib
from typing import Literal

import pytest

from lec7 import runs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    rate: float = 0.1  # learning rate, at every step
    decay: float = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seeded:
    seeds: tuple[int, ...] = (0, 1)  # one training each


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Seeded):
    dataset: str = "digits"  # a "#" in quotes is no comment
    # examples in an update,
    batch_size: int = 64  # on all devices

    where: pathlib.Path = pathlib.Path("a/b")
    size: Literal["small", "large"] = "small"
    noisy: bool = False
    limit: int | None = None
    rule: Rule = Rule(rate=0.3)

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; expected at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Required:
    checkpoint: pathlib.Path  # a folder
    seed: int = 0


def configured(*words):
    return runs.configure(Config, runs.settings(words, [], []), experiment="fake")


def message(config_class, settings):
    with pytest.raises(runs.UsageError) as caught:
        runs.configure(config_class, settings, experiment="fake")
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--config.seeds", "3", "-1", "2"], {"seeds": (3, -1, 2)}),
        (["--config.seeds=3", "4"], {"seeds": (3, 4)}),
        (["--config.dataset=--odd"], {"dataset": "--odd"}),
        (["--config.dataset=a=b"], {"dataset": "a=b"}),
        (["--config.where=/c"], {"where": pathlib.Path("/c")}),
        (["--config.size=large"], {"size": "large"}),
        (["--config.noisy=True"], {"noisy": True}),
        (["--config.limit=5"], {"limit": 5}),
        (["--config.limit=None"], {}),
        (["--config.rule.decay=0"], {"rule": Rule(rate=0.3, decay=0.0)}),
        (["--config.rule.rate", "-1e-3"], {"rule": Rule(rate=-1e-3)}),
        (
            ["--config.batch_size=8", "--config.seeds", "7", "--config.rule.rate=1"],
            {"batch_size": 8, "seeds": (7,), "rule": Rule(rate=1.0)},
        ),
    ],
)
def test_words_set_their_fields_and_leave_the_others_at_their_defaults(words, expected):
    assert configured(*words) == dataclasses.replace(Config(), **expected)


@pytest.mark.parametrize(
    ("name", "words", "needles"),
    [
        ("batch_sise", ["3"], ["did you mean --config.batch_size?", "--describe=fake"]),
        ("batch-size", ["3"], ["did you mean --config.batch_size?"]),
        ("rate", ["3"], ["did you mean --config.rule.rate?"]),
        ("rule", ["3"], ["no such field", "--describe=fake"]),
        ("batch_size", ["x"], ["expected int", "default is 64", "on all devices"]),
        ("batch_size", ["1", "2"], ["expected int"]),
        ("batch_size", ["--help"], ["expected int"]),
        ("batch_size", ["0"], ["batch_size is 0; expected at least 1"]),
        ("seeds", ["1,2"], ["expected int int ...", "default is 0 1"]),
        ("noisy", ["true"], ["expected True or False", "did you mean True?"]),
        ("size", ["larg"], ["expected small or large", "did you mean large?"]),
        ("limit", ["x"], ["expected int | None", "default is None"]),
        ("rule.rate", ["nan"], ["expected float, which is finite", "learning rate"]),
        ("rule.rate", ["inf"], ["expected float, which is finite"]),
    ],
)
def test_a_wrong_setting_is_one_line_that_repeats_it(name, words, needles, capfd):
    text = message(Config, {name: words})
    assert text.startswith(f"--config.{name}={' '.join(words)}: ")
    assert "\n" not in text
    for needle in needles:
        assert needle in text
    assert capfd.readouterr() == ("", "")


def test_a_check_of_the_whole_configuration_names_every_setting():
    text = message(Config, {"batch_size": ["-2"], "size": ["large"]})
    assert text.startswith("--config.batch_size=-2 --config.size=large: batch_size is")


def test_a_field_without_default_must_be_set():
    assert "--config.checkpoint: missing; expected Path" in message(Required, {})
    config = runs.configure(Required, {"checkpoint": ["x"]}, experiment="fake")
    assert config == Required(checkpoint=pathlib.Path("x"))


def test_fields_tell_type_default_and_comment():
    rows = {
        field.name: (field.expected, field.default_text, field.comment)
        for field in (*runs.fields(Config), *runs.fields(Required))
    }
    assert rows == {
        "seeds": ("int int ...", "0 1", "one training each"),
        "dataset": ("str", "digits", 'a "#" in quotes is no comment'),
        "batch_size": ("int", "64", "examples in an update, on all devices"),
        "where": ("Path", "a/b", ""),
        "size": ("small or large", "small", ""),
        "noisy": ("True or False", "False", ""),
        "limit": ("int | None", "None", ""),
        "rule.rate": ("float", "0.3", "learning rate, at every step"),
        "rule.decay": ("float", "0.9", ""),
        "checkpoint": ("Path", "(required)", "a folder"),
        "seed": ("int", "0", ""),
    }


def test_canonical_json_does_not_depend_on_the_order_of_fields():
    values = {"b": (1, 2), "a": {"y": 0.5, "x": None}, "c": "é"}
    texts = {
        runs.canonical_json(dataclasses.make_dataclass("C", order)(**values))
        for order in ("abc", "cab", "bca")
    }
    assert len(texts) == 1
    assert json.loads(texts.pop()) == values | {"b": [1, 2]}


def test_equal_settings_have_equal_folders_and_any_change_another():
    def folder(*words):
        return runs.default_folder("fake", runs.canonical_json(configured(*words)))

    assert folder() == folder("--config.batch_size=64", "--config.rule.rate=.30")
    others = [["--config.seeds", "0"], ["--config.rule.rate=.2"], ["--config.limit=0"]]
    assert len({folder(), *(folder(*words) for words in others)}) == 4
    assert folder() != runs.default_folder("real", runs.canonical_json(configured()))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_default_that_is_not_finite_has_no_canonical_form(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        runs.canonical_json(Rule(rate=value))


@pytest.mark.parametrize(
    ("words", "needles"),
    [
        (["stray"], ["stray: stray word"]),
        (["fake"], ["fake: stray word", "did you mean --experiment=fake?"]),
        (["list"], ["list: stray word", "did you mean --list?"]),
        (["--lisst"], ["--lisst: unknown flag", "did you mean --list?"]),
        (["-lisst"], ["-lisst: unknown flag", "did you mean --list?"]),
        (["--"], ["--: unknown flag"]),
        (["-1"], ["-1: unknown flag"]),
        (["--config=1"], ["did you mean --config.FIELD=VALUE?"]),
        (["--config.a=1", "--lisst"], ["--lisst: unknown flag"]),
        (["--config.a=1", "--config.a=2"], ["--config.a=2: given twice"]),
        (["--config.a"], ["--config.a: no value; expected --config.a=VALUE"]),
    ],
)
def test_words_that_set_no_field_are_refused(words, needles):
    with pytest.raises(runs.UsageError) as caught:
        runs.settings(words, flags=["list", "workdir"], experiments=["fake"])
    for needle in needles:
        assert needle in str(caught.value)
