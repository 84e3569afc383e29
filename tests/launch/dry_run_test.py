import re
import signal

import pytest

from lec7 import signals
from lec7.command import cost_tables, dry_run
from lec7.train import costs, rehearsal

TRAINER = '''"""Does it train?

Run: python launch.py --experiment=trainer
Expected: that it does, in 1-2 minutes.
Source: this file.
Data: none.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from lec7 import models, signals, train, update_rules


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    seeds: tuple[int, ...] = (0, 1)  # one network each
    batch_size: int = 16  # examples in an update
    end: str = "well"  # how


class Findings(NamedTuple):
    """What it has found."""

    loss: np.ndarray


def run(config, context):
    x = np.linspace(-1, 1, 96, dtype=np.float32).reshape(32, 3)
    losses = []
    if config.end == "at once":
        raise ZeroDivisionError("a bug of the fake")
    for width in (4, 8):
        with context.phase("training"):
            trained = train.train(
                models.MLP(2, widths=(width,)),
                update_rules.adam(0.01),
                (x, (x[:, 0] > 0).astype(int)),
                steps=1000,
                batch_size=config.batch_size,
                evaluate_every=10,
                seeds=config.seeds,
                folder=context.folder,
                name=f"width_{width}",
            )
        losses.append(trained.record.end)
        with context.phase("measuring"):
            if config.end == "badly":
                raise ValueError("this network knows nothing")
            with context.progress.task("top eigenvalue", 1) as task:
                task.update(1)
            while config.end == "never":
                signals.check()
    return Findings(np.stack(losses))
'''


@pytest.fixture
def dry(place, launch, files, capfd, monkeypatch):
    """A dry run of that experiment, which leaves no file: (code, out, err)."""
    monkeypatch.setattr(rehearsal, "BUDGET", 0.05)
    (place / "experiments" / "trainer.py").write_text(TRAINER, encoding="utf-8")

    def call(*words):
        before = files()
        code = launch("--experiment=trainer", "--dry_run", *words)
        assert files() == before
        return code, *capfd.readouterr()

    return call


def test_a_dry_run_costs_every_training_and_writes_nothing(dry):
    code, out, err = dry("--hosts=4", "--bandwidth=25")
    assert code == 0
    assert err == "  width_4\n  width_8\n"
    rows = re.findall(r"^(width_\d) +2 +(\d+) .* 1,000 ", out, re.MULTILINE)
    assert rows == [("width_4", f"{3 * 4 + 4 + 4 * 2 + 2}"), ("width_8", "50")]
    assert re.findall(r"^width_\d +4 +25 ", out, re.MULTILINE)
    assert "2 trainings: " in out
    assert "in all: " in out
    assert "not costed" not in out


def test_what_fails_on_untrained_networks_ends_the_dry_run_in_order(dry):
    code, out, _ = dry("--config.end=badly")
    assert code == 0
    assert "1 training: " in out
    assert "up to the phase measuring, in which the dry run ends:\nValueError" in out
    assert "not costed" in out


def test_nobody_waits_for_measures(dry, monkeypatch):
    monkeypatch.setattr(dry_run, "AFTER", 0.2)
    code, out, _ = dry("--config.end=never")
    assert code == 0
    assert "up to the phase measuring, in which the dry run ends:" in out
    assert "it works for more than 0 s; what follows is not costed" in out


def test_an_error_before_any_training_is_that_of_the_run(dry):
    code, _, err = dry("--config.end=at once")
    assert code == 1
    assert "a bug of the fake" in err


def test_an_experiment_without_trainings_takes_one_line(launch, files, capfd):
    before = files()
    assert launch("--experiment=fake", "--dry_run") == 0
    assert "fake trains no network" in capfd.readouterr().out
    assert files() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--hosts=2", "--hosts is given without --dry_run; expected both"),
        ("--dry_run --distributed", "--dry_run and --distributed do not go together"),
        ("--dry_run --open", "--dry_run and --open do not go together"),
        ("--dry_run --profile", "--dry_run and --profile do not go together"),
        ("--dry_run --workdir=x", "--dry_run and --workdir do not go together"),
        ("--dry_run --together=x", "--together and --dry_run do not go together"),
        ("--dry_run --lost_after=9", "--dry_run and --lost_after do not go together"),
        ("--dry_run --process_id=0", "--dry_run and --process_id do not go together"),
        ("--dry_run --latency=9", "--latency is given without --hosts; expected both"),
        ("--dry_run --hosts=0", "--hosts=0: expected an integer in the range [1, "),
        (f"--dry_run --hosts={10**20}", f"--hosts={10**20}: expected an integer in"),
        ("--dry_run --bandwidth=-1", "--bandwidth=-1: expected"),
        ("--dry_run --hosts=2 --bandwidth=nan", "--bandwidth=nan: expected a finite"),
        ("--dry_run --hosts=2 --latency=inf", "--latency=inf: expected a finite"),
        ("--dry_run --hosts=2 --latency=-1", "--latency=-1: expected a non-negative"),
        ("--dry_run=maybe", "--dry_run=maybe: expected no value"),
    ],
)
def test_wrong_flags_are_told(launch, capfd, words, message):
    assert launch("--experiment=fake", *words.split()) == 2
    told = capfd.readouterr()
    assert message in told.err
    assert not told.out


def test_a_signal_promises_no_resumption_of_a_dry_run(dry, monkeypatch):
    def interrupt(*_):
        raise signals.Signalled(signal.SIGINT)

    monkeypatch.setattr(dry_run, "_rehearse", interrupt)
    code, _, err = dry()
    assert (code, err) == (130, "launch.py: interrupted\n")
    assert "resumes" in str(signals.Signalled(signal.SIGINT))


def test_what_is_wrong_with_a_training_is_told():
    found = costs.Cost(
        name="wild",
        members=1,
        parameters=10,
        batch_size=4,
        flops=1e9,
        products=1e6,
        bytes=costs.Sizes(40, 80, 1, 1, 1, 5000, 40),
        available=4000,
        updates=10,
        evaluations=1,
        checkpoints=1,
        stops=True,
        seconds=costs.Seconds(1.0, 0.1, 0.1, 0.1),
    )
    told = cost_tables.Told([found], 1.0, None, "training")
    text = cost_tables.text("one", told, cost_tables.Network(3, (10.0,), 0.0), "")
    assert "wild: XLA counts 1 GFLOPs" in text
    assert "wild does not fit" in text
    assert "wild: batch_size is 4; expected a multiple of 3" in text
    assert "10*" in text
    assert "At the most" in text
