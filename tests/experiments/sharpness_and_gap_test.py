"""The grid is told from its numbers, and its networks are trained on few examples."""

import dataclasses

import numpy as np
import pytest

from experiments import sharpness_and_gap
from experiments import sharpness_and_gap_ranks as ranks
from lec7 import report

CONFIG = sharpness_and_gap.Config(
    seeds=tuple(range(8)),
    batch_sizes=(8, 32),
    dropouts=(0.0, 0.5),
    learning_rates=(0.1,),
)
SHAPE = (2, 2, 1, 2, 8)


def found(sign):
    """Networks whose gap rises with one measure, or falls; the loss is equal."""
    rng = np.random.default_rng(0)
    gap = rng.uniform(0.01, 0.2, SHAPE)
    noise = rng.normal(scale=1e-3, size=SHAPE)
    final = {
        "train_accuracy": np.ones(SHAPE),
        "test_accuracy": 1 - gap,
        "train_loss": np.full(SHAPE, 0.01),
        "test_loss": gap + noise,
        "updates": np.full(SHAPE, 64),
    }
    measures = {
        "hessian_max": np.exp(sign * gap + rng.normal(scale=0.03, size=SHAPE)),
        "fisher_rao": rng.uniform(1, 2, SHAPE),
        "training_loss": final["train_loss"],
        "parameter_norm": rng.uniform(1, 2, SHAPE),
    }
    invariant = {"hessian_max": False, "fisher_rao": True}
    return sharpness_and_gap.Findings(
        final, measures, invariant, dict.fromkeys(invariant, 3.0)
    )


@pytest.mark.parametrize(("sign", "verdict"), [(1, "supported"), (-1, "contradicted")])
def test_a_measure_that_falls_with_the_gap_contradicts_the_claim(sign, verdict):
    told = sharpness_and_gap.analyse(CONFIG, found(sign))
    decided = {claim.id: claim for claim in told.claims}
    names = [f"L20.{axis}.hessian_max" for axis in ("batch_size", "dropout")]
    for name in names:
        assert sign * decided[name].effect > 0.2
    alone = ranks.claims(
        ranks.judge(
            found(sign).measures, sharpness_and_gap._gaps(CONFIG, found(sign).final)
        ),
        {"hessian_max": False},
        {"batch size": (8, 32), "dropout": (0.5,)},
        None,
    )
    assert [claim.id for claim in alone] == [names[0], "equal_loss.batch_size"]
    assert verdict in {decided[name].verdict for name in decided}
    assert decided["equal_loss.dropout"].effect == 0
    assert "L20.learning_rate.hessian_max" not in decided  # of one value


def test_the_headline_names_where_the_training_loss_ranks_the_gap_too():
    ranked = found(1)
    noise = np.random.default_rng(1).normal(scale=0.02, size=SHAPE)
    gap = 1 - ranked.final["test_accuracy"]
    ranked.measures["training_loss"] = np.exp(gap + noise)
    told = sharpness_and_gap.analyse(CONFIG, ranked)
    failed = [
        claim.id.removeprefix("equal_loss.").replace("_", " ")
        for claim in told.claims
        if claim.id.startswith("equal_loss.") and claim.verdict == "contradicted"
    ]
    assert failed
    assert f"the gap too along the {report.listing(failed)}" in told.summary


def test_networks_that_did_not_reach_the_loss_are_left_out():
    config = dataclasses.replace(CONFIG, stop_loss=0.001)
    told = sharpness_and_gap.analyse(config, found(1))
    assert {claim.verdict for claim in told.claims} == {"untested"}
    assert "64 networks did not reach" in told.claims[0].why
    assert "0 of them reached it" in told.sections[2].parts[0]


def test_a_grid_of_one_setting_ranks_nothing():
    one = {"batch_sizes": (8,), "dropouts": (0.0,), "learning_rates": (0.1,)}
    with pytest.raises(ValueError, match="expected two or more of one of them"):
        sharpness_and_gap.Config(**one, weight_decays=(0.0,))
    with pytest.raises(ValueError, match="dropouts is .*; expected one or more from 0"):
        sharpness_and_gap.Config(dropouts=(1.0,))
