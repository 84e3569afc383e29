"""What is claimed of the best batch size, on accuracies that were made up."""

import numpy as np
import pytest

from experiments import best_batch
from lec7 import train

CONFIG = best_batch.Config()
SEEDS = np.linspace(-0.05, 0.05, len(CONFIG.seeds))


def record(percent):
    """A training that ends with test accuracies in %, [M]."""
    final = {"test_accuracy": percent / 100, "train_loss": np.ones_like(percent)}
    return train.Record(np.full(len(percent), 4), {}, final)


def right(percent):
    """Whether each network is right on 4,000 examples, so that it has its accuracy."""
    ranks = np.random.default_rng(0).permutation(4000)
    return ranks < 40 * np.asarray(percent)[:, None]


def findings(power=1.0, flat=0.0, linear=90.0, root=88.0):
    """Findings with a best batch size of so large a power of the rate."""

    def accuracy(rate, batch):
        away = np.log2(batch) - 3.5 - power * np.log2(rate / CONFIG.rates[0])
        spread = np.roll(SEEDS, CONFIG.rates.index(rate))
        return 90 - (1 - flat) * (away - spread) ** 2 / 4

    middle = CONFIG.rates[len(CONFIG.rates) // 2]
    scaled = {
        "base": 90 + SEEDS,
        "linear": linear + SEEDS[::-1],
        "sqrt": root + np.roll(SEEDS, 2),
    }
    return best_batch.Findings(
        records={
            rate: {batch: record(accuracy(rate, batch)) for batch in CONFIG.batches}
            for rate in CONFIG.rates
        },
        right={batch: right(accuracy(middle, batch)) for batch in CONFIG.batches},
        scaled={name: record(percent) for name, percent in scaled.items()},
        scaled_right={name: right(percent) for name, percent in scaled.items()},
        examples={"train": 1000, "test": 4000},
    )


def verdicts(**what):
    told = best_batch.analyse(CONFIG, findings(**what))
    return {claim.id: claim.verdict for claim in told.claims}


def test_a_best_size_in_proportion_to_the_rate_is_found():
    claims = {c.id: c for c in best_batch.analyse(CONFIG, findings()).claims}
    assert claims["SL.growth"].verdict == "supported"
    assert claims["SL.growth"].effect == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("id", "holds", "fails"),
    [
        ("SL.growth", {"power": 1.0}, {"power": 0.2}),
        ("SL.linear", {"linear": 90.3}, {"linear": 88.0}),
        ("SL.sqrt", {"root": 89.6}, {"root": 88.0}),
        ("SL.rules", {"root": 88.0}, {"root": 91.0}),
    ],
)
def test_a_verdict_follows_its_numbers(id, holds, fails):
    assert verdicts(**holds)[id] == "supported"
    assert verdicts(**fails)[id] == "contradicted"


def test_there_is_no_best_size_where_the_ends_of_the_list_are_best():
    assert (
        verdicts()["SL.peak.smallest"] == verdicts()["SL.peak.largest"] == "supported"
    )
    ends = verdicts(flat=2.0)
    assert {ends["SL.peak.smallest"], ends["SL.peak.largest"]} != {"supported"}


def test_a_best_size_at_the_end_of_the_list_decides_nothing():
    told = best_batch.analyse(CONFIG, findings(power=4.0))
    assert told.claims[0].verdict == "untested"
    assert f"unknown at {CONFIG.rates[-1]:g}" in told.summary


def test_a_summit_is_found_exactly_on_a_parabola():
    steps = np.arange(8.0)
    assert best_batch.summit(-((steps - 4.3) ** 2)) == pytest.approx(4.3)
    assert np.isnan(best_batch.summit(steps))
