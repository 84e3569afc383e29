"""One setting of everything, alone or together with others."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments import one_network, tested
from lec7 import report, runs, train

TINY = one_network.Config(**one_network.SMALL)


def context(folder):
    return runs.Context(folder, tuple(jax.devices()[:1]), report.Progress())


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Three settings and what one population of them found."""
    configs = [
        TINY,
        dataclasses.replace(TINY, learning_rate=0.3, decay=0.5, seeds=(1,)),
        dataclasses.replace(TINY, learning_rate=1e9, weight_decay=0.1, seeds=(0, 1)),
    ]
    folder = tmp_path_factory.mktemp("group")
    return configs, one_network.run_together(configs, context(folder))


def assert_agree(one, other):
    np.testing.assert_allclose(
        one.tested.losses, other.tested.losses, rtol=1e-3, atol=1e-5
    )
    for name, values in one.record.final.items():
        np.testing.assert_allclose(values, other.record.final[name], rtol=1e-4)
    for name, values in one.record.history.items():
        np.testing.assert_allclose(values, other.record.history[name], rtol=1e-3)
    np.testing.assert_allclose(one.top_eigenvalue, other.top_eigenvalue, rtol=1e-2)
    np.testing.assert_array_equal(one.rates, other.rates)


def test_a_network_of_a_population_is_the_one_that_is_trained_alone(together, tmp_path):
    configs, found = together
    alone = one_network.run(configs[1], context(tmp_path))
    assert len(found[1].record.updates) == 1
    assert_agree(found[1], alone)
    differing = (
        found[0].record.final["train_loss"] != found[1].record.final["train_loss"]
    )
    assert differing.any()


def test_a_training_that_explodes_has_no_value_and_leaves_the_others_alone(together):
    configs, found = together
    assert np.isfinite(found[0].top_eigenvalue).all()
    assert np.isfinite(found[0].record.final["validation_loss"]).all()
    assert np.isnan(found[2].top_eigenvalue).all()
    assert not np.isfinite(found[2].record.final["validation_loss"]).any()
    told = one_network.analyse(configs[2], found[2])
    assert {claim.id for claim in told.claims if claim.verdict == "untested"} >= {"gap"}


@pytest.mark.parametrize("rule", one_network.RULES)
def test_weight_decay_shrinks_what_no_gradient_moves(rule):
    config = dataclasses.replace(TINY, rule=rule, schedule="constant")
    params = {"kernel": np.full(3, 2.0, np.float32), "bias": np.ones(3, np.float32)}
    made = one_network._rule(config, 0.1, 0.5, 0.25)
    zero = jax.tree.map(np.zeros_like, params)
    updates, _ = made.update(zero, made.init(params), params)
    assert (np.asarray(updates["kernel"]) < 0).all()
    np.testing.assert_array_equal(updates["bias"], 0)
    if rule in ("sgd", "momentum", "adamw"):  # nothing divides what is decayed
        np.testing.assert_allclose(updates["kernel"], -0.1 * 0.25 * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [1.0] * 6),
        ("step", [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]),
        ("cosine", [(1 + np.cos(np.pi * t / 6)) / 2 for t in range(6)]),
    ],
)
def test_a_schedule_lowers_the_first_rate(schedule, rates):
    config = dataclasses.replace(TINY, schedule=schedule, learning_rate=1.0, updates=6)
    np.testing.assert_allclose(one_network._rates(config), rates, rtol=1e-5)


def test_smoothed_labels_are_those_of_a_batch_and_still_sum_to_one():
    smooth = one_network._smoothed(0.1, 4)
    images, labels = smooth(None, "images", np.array([2]))
    assert images == "images"
    np.testing.assert_allclose(labels, [[0.025, 0.025, 0.925, 0.025]], rtol=1e-6)
    assert one_network._smoothed(0.0, 4) is None


def verdicts(*, gap=1.0, train_loss=0.01, late=1.0, right=0.9):
    """Id -> verdict for six networks on 200 test examples."""
    draw = np.random.default_rng(0)
    ends = train_loss * (1 + 0.1 * draw.random(6))
    final = {
        f"{split}_{what}": ends * (1 if split == "train" else late)
        for split in one_network.SPLITS
        for what in ("loss", "accuracy")
    }
    lowest = ends * (1 - 0.01 * draw.random(6))
    history = {"validation_loss": np.stack([2 * ends, lowest, late * ends])}
    right = draw.random((6, 200)) < right
    found = one_network.Findings(
        record=train.Record(np.full(6, 3), history, final),
        tested=tested.Tested(
            np.packbits(right, axis=1), ends[:, None] + gap * draw.random((6, 200))
        ),
        frequent=np.arange(200) < 20,
        top_eigenvalue=np.ones(6),
        rates=np.ones(3),
        parameters=1,
    )
    claims = report.family(one_network._claims(found))
    return {claim.id: claim.verdict for claim in claims}


@pytest.mark.parametrize(
    ("id", "supports", "contradicts"),
    [
        ("frequent", {"right": 0.9}, {"right": 0.01}),
        ("fitted", {"train_loss": 0.01}, {"train_loss": 1.0}),
        ("gap", {"gap": 1.0}, {"gap": -0.005}),
        ("late", {"late": 1.05}, {"late": 2.0}),
    ],
)
def test_a_claim_can_come_out_either_way(id, supports, contradicts):
    assert verdicts(**supports)[id] == "supported"
    assert verdicts(**contradicts)[id] == "contradicted"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decay": 1.0}, "decay is 1.0; expected at least 0 and less than 1"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1; expected at least 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected more than 0"),
        ({"seeds": (0, 0)}, "seeds"),
    ],
)
def test_a_configuration_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **settings)
