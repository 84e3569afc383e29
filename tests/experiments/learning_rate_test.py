"""What is told of rates that were picked, and of trainings that explode."""

import numpy as np
import pytest

from experiments import learning_rate
from lec7 import train

SEEDS = np.array([1.0, 1.02, 0.97])
CONFIG = learning_rate.Config(**learning_rate.SMALL | {"seeds": (0, 1, 2)})


def training(loss, spread=SEEDS):
    """Three trainings that begin at two nats and end so."""
    losses = np.linspace(2, loss, 8)[:, None] * spread
    steps = {"loss_step": np.arange(8), "train_loss_step": np.arange(8)}
    history = {"loss": losses, "train_loss": losses} | steps
    end = np.minimum(loss * spread, train.CEILING)
    final = {f"{split}_loss": end for split in ("train", "test")}
    final |= {f"{split}_accuracy": spread / 2 for split in ("validation", "test")}
    return train.Record(np.full(3, 8), history, final)


def findings(exploded=1e9):
    ends = dict(zip(learning_rate.FOUR, (1.5, 0.1, 0.5, exploded), strict=True))
    curves = {name: training(end) for name, end in ends.items()}
    swept = {
        rule: {rate: training(1 + rate, spread) for rate in CONFIG.rates}
        for rule, spread in (("momentum", SEEDS), ("Nesterov", SEEDS[::-1]))
    }
    adam = {name: {r: training(r) for r in CONFIG.adam_rates} for name in ("MLP", "x")}
    return learning_rate.Findings(curves, curves, {"MLP": swept}, adam, {})


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(learning_rate, "_range_test", lambda ranges: None)
    return learning_rate.analyse(CONFIG, findings())


def test_what_picked_rates_show_is_a_definition(told):
    kinds = {claim.id: claim.kind for claim in told.claims}
    assert {kinds[id] for id in ("L35", "L35.low", "L35.high")} == {"definition"}
    assert kinds["D02"] == kinds["L15.MLP"] == "empirical"


def test_a_loss_at_the_ceiling_is_not_told_as_a_number(told):
    (table,) = [part for part in told.sections[0].parts if hasattr(part, "rows")]
    low, *_, high = table.rows
    assert tuple(high[1:]) == ("exploded", None, None)
    np.testing.assert_allclose(low[1], 1.5 * SEEDS)
