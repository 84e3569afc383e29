"""`--compare` and `--export`, and `--profile`."""

import csv
import json
import pathlib
import sys

import pytest


@pytest.fixture
def a(launch):
    """A folder that could be a run's."""
    pathlib.Path("a").mkdir()
    for name, value in (
        ("run", {"experiment": "fake"}),
        ("config", {}),
        ("claims", []),
    ):
        pathlib.Path("a", f"{name}.json").write_text(json.dumps(value))
    return launch


@pytest.fixture
def two(launch):
    """Two runs whose configurations differ, with metrics of a training each."""
    lines = [
        {"training": "small", "step": step, "loss": [1.0, None], "train_loss": [2, 3]}
        for step in range(3)
    ]
    lines[0].pop("train_loss")
    for name, rate in (("a", "0.1"), ("b", "0.2")):
        words = ("--experiment=fake", f"--workdir={name}", f"--config.rate={rate}")
        assert launch(*words) == 0
        text = "".join(json.dumps(line) + "\n" for line in lines)
        pathlib.Path(name, "metrics.jsonl").write_text(text)
    return launch


def change(path, edit):
    value = json.loads(pathlib.Path(path).read_text())
    edit(value)
    pathlib.Path(path).write_text(json.dumps(value))


def test_runs_are_compared_by_claims_settings_and_machines(two, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    change("b/claims.json", lambda rows: rows[0].update(verdict="contradicted"))
    change("b/run.json", lambda r: r["attempts"][0]["versions"].update(jax="0.0.1"))
    capsys.readouterr()
    assert two("--compare", "a", "b", "--workdir=c") == 0
    out = capsys.readouterr().out
    header, first, second, *_ = out.splitlines()
    assert header.split() == ["claim", "a", "b", "verdict"]
    assert first.startswith("c0") and first.endswith("changed")
    assert "supported" in first and "contradicted" in first
    assert second.startswith("c1") and "changed" not in second
    assert [line.split() for line in out.splitlines() if "rate" in line][0] == [
        *("rate", "0.1", "0.2")
    ]
    assert "batch_size" not in out
    assert "0.0.1" in out
    page = pathlib.Path("c/index.html").read_text()
    for text in (
        "c0: The fake does as it is told.",
        "0.0.1",
        'href="../a/report.html"',
    ):
        assert text in page
    assert len([*pathlib.Path("c/figures").glob("*.png")]) == 1  # of train_loss
    before = pathlib.Path("c/index.html").read_bytes()
    assert two("--compare=a", "b", "--workdir=c") == 0
    assert pathlib.Path("c/index.html").read_bytes() == before


def test_runs_of_two_experiments_are_compared_by_the_claims_they_share(two, capsys):
    change("b/run.json", lambda record: record.update(experiment="real"))
    change("b/claims.json", lambda rows: rows[0].update(id="other"))
    capsys.readouterr()
    assert two("--compare", "a", "b", "--workdir=c") == 0
    out = capsys.readouterr().out
    assert "c1" in out and "c0" not in out and "other" not in out
    change("b/claims.json", lambda rows: rows.clear())
    assert two("--compare", "a", "b", "--workdir=c") == 2
    assert "runs of fake, real share no claim" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--compare", "expected two runs or more"),
        ("--compare a", "expected two runs or more"),
        ("--compare a nowhere", "--compare=nowhere: no such folder"),
        ("--compare a a --workdir=a", "--workdir=a: the folder holds"),
        ("--compare a ./a", "a is given twice"),
        ("--compare a b --config.rate=1", "do not go together"),
        ("--export=nowhere", "--export=nowhere: no such folder"),
        ("--export=a --format=xls", "--format=xls: expected csv or parquet"),
        ("--render=a --format=csv", "--render and --format do not go together"),
    ],
)
def test_what_cannot_be_compared_or_exported_is_one_message(
    a, files, capsys, words, message
):
    before = files()
    assert a(*words.split()) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert files() == before


def test_claims_and_metrics_are_exported_as_tables(two):
    assert two("--export=a") == 0
    with open("a/tables/claims.csv") as file:
        claims = [*csv.DictReader(file)]
    told = json.loads(pathlib.Path("a/claims.json").read_text())
    assert [row["id"] for row in claims] == [claim["id"] for claim in told]
    assert float(claims[0]["interval_low"]) == told[0]["interval"][0]
    with open("a/tables/metrics.csv") as file:
        metrics = [*csv.DictReader(file)]
    assert len(metrics) == 6
    assert metrics[0] == {
        **{"training": "small", "step": "0", "member": "0", "seed": ""},
        **{"loss": "1.0", "train_loss": ""},
    }
    assert (metrics[-1]["loss"], metrics[-1]["train_loss"]) == ("", "3")
    assert two("--experiment=fake", "--workdir=a") == 0  # it has not changed


def test_the_seeds_of_members_are_exported_where_checkpoints_tell_them(two):
    folder = pathlib.Path("a/checkpoints/small")
    folder.mkdir(parents=True)
    (folder / "training.json").write_text('{"seeds": [7, 3]}')
    assert two("--export=a") == 0
    with open("a/tables/metrics.csv") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == 3 * ["7", "3"]


def test_the_same_tables_are_exported_as_parquet(two):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert two("--export=a", "--format=parquet") == 0
    rows = parquet.read_table("a/tables/metrics.parquet").to_pylist()
    assert rows[0] == {
        **{"training": "small", "step": 0, "member": 0, "seed": None},
        **{"loss": 1.0, "train_loss": None},
    }
    claims = parquet.read_table("a/tables/claims.parquet").to_pylist()
    assert [row["verdict"] for row in claims].count("supported") == 2


def test_without_pyarrow_parquet_is_one_message(a, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert a("--export=a", "--format=parquet") == 2
    assert "pip install 'lec7[tables]'" in capsys.readouterr().err


def test_a_profile_is_written_and_belongs_to_no_result(launch, capsys):
    words = ("--experiment=fake", "--workdir=run", "--profile")
    assert launch(*words) == 0
    (trace,) = pathlib.Path("run/profile").rglob("perfetto_trace.json.gz")
    assert f"open {trace} at https://ui.perfetto.dev" in capsys.readouterr().out
    trace.unlink()
    assert launch(*words) == 2
    assert "--profile: run is finished; expected" in capsys.readouterr().err
    assert launch(*words[:2]) == 0
    assert "resuming" not in capsys.readouterr().out
