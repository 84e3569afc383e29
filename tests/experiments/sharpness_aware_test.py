"""Labels are made wrong exactly as often as asked, and rules take their best radius."""

import numpy as np
import pytest

from experiments import sharpness_aware, tested
from experiments import sharpness_aware_flatness as flatness
from lec7 import data, train

LABELS = np.random.default_rng(0).integers(10, size=5_000).astype(np.int32)
SPLIT = data.Split(np.zeros((5_000, 1, 1, 1)), LABELS)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6])
def test_a_share_of_the_labels_is_wrong_and_no_more(share):
    given = sharpness_aware.wrong_labels(SPLIT, 10, share, seed=3)
    assert given.dtype == np.int32
    assert np.sum(given != LABELS) == round(share * 5_000)


def test_wrong_labels_are_of_all_other_classes_alike():
    given = sharpness_aware.wrong_labels(SPLIT, 10, 0.6, seed=1)
    shifts = (given - LABELS)[given != LABELS] % 10
    counts = np.bincount(shifts, minlength=10)[1:]
    expected = 3_000 / 9
    assert np.sum((counts - expected) ** 2 / expected) < 8 + 4 * np.sqrt(16)


def test_more_wrong_labels_are_the_same_ones_and_others():
    few, many = (
        sharpness_aware.wrong_labels(SPLIT, 10, share, seed=1) for share in (0.2, 0.6)
    )
    wrong = few != LABELS
    np.testing.assert_array_equal(few[wrong], many[wrong])
    assert (sharpness_aware.wrong_labels(SPLIT, 10, 0.2, seed=2) != few).any()


def one(accuracies, *, settings=((0.1, 0.05, 0.0),), validation=None):
    """Return a rule with test accuracies [F, M], of a thousand examples."""
    right = np.arange(1000) < 10 * np.asarray(accuracies)[..., None]
    tests = tuple(
        tested.Tested(np.packbits(of, axis=1), np.zeros(of.shape)) for of in right
    )
    of_all = np.repeat(np.asarray(accuracies)[:, None], len(settings), axis=1)
    return sharpness_aware.Trained(
        settings=tuple(sharpness_aware.Setting(*setting) for setting in settings),
        accuracy={split: of_all for split in sharpness_aware.SPLITS},
        loss={split: of_all for split in sharpness_aware.SPLITS},
        updates=np.array([4, 8]),
        validation=np.stack([of_all, of_all]) if validation is None else validation,
        tested=tests,
    )


def record(config, losses):
    """Return the record of networks that ended with training losses [M]."""
    final = {"train_loss": np.array(losses), "test_accuracy": np.ones(len(losses))}
    history = {
        "train_loss_step": np.array([19, 39]),
        "train_loss": np.stack([final["train_loss"] * 2, final["train_loss"]]),
    }
    return train.Record(np.full(len(losses), 40), history, final)


@pytest.mark.parametrize("loss", [0.02, np.nan])
def test_flatness_is_decided_only_where_all_networks_reach_the_loss(loss):
    config = sharpness_aware.Config(seeds=(0, 1, 2))
    found = flatness.Flatness(
        {
            "SAM": record(config, [0.01, loss, 0.01]),
            "ASAM": record(config, [0.01, 0.005, 0.01]),
            "SGD": record(config, [0.01, 0.01, 0.01]),
        },
        {
            "sharpness": {
                "SAM": np.array([1.0, 2.0, 4.0]),
                "ASAM": np.array([1.0, 2.1, 4.0]),
                "SGD": np.array([1.0, 2.0, 4.1]),
            }
        },
    )
    [missed], [decided] = (
        flatness.claims(config, found, rule, "SGD", "source")
        for rule in ("SAM", "ASAM")
    )
    assert missed.verdict == "untested"
    assert "1 network did not reach a training loss of 0.01 nats" in missed.why
    assert decided.verdict != "untested"


def test_every_share_takes_look_and_setting_best_on_the_validation_set():
    first = [[[80.0, 82], [90, 70]], [[50, 50], [60, 55]]]
    second = [[[81.0, 83], [95, 71]], [[50, np.nan], [40, 55]]]
    settings = (0.1, 0.05, 0.0), (0.2, 0.05, 0.0)
    rule = one(
        np.full((2, 2), 80.0), settings=settings, validation=np.array([first, second])
    )
    assert rule.best() == [(1, 1), (0, 1)]
    test = np.arange(8.0).reshape(2, 2, 2)
    assert rule.at_end(test).tolist() == [[2, 3], [6, 7]]
    assert rule.most_wrong.tolist() == [[60, 55], [40, 55]]


@pytest.mark.parametrize(("best", "at_end"), [(0, True), (1, False), (2, True)])
def test_a_rival_whose_best_rate_is_at_an_end_of_its_list_decides_nothing(best, at_end):
    settings = [(0.0, rate, 0.0) for rate in (0.01, 0.05, 0.2)]
    validation = np.full((2, 1, 3, 2), 50.0)
    validation[:, :, best] = 60
    rule = one(np.full((1, 2), 50.0), settings=settings, validation=validation)
    assert (rule.at_border(0) is not None) == at_end
    assert one(np.full((1, 2), 50.0)).at_border(0) is None
    aware = [(radius, 0.05, 0.0) for radius in (0.1, 0.2, 0.4)]
    aware = one(np.full((1, 2), 50.0), settings=aware, validation=validation)
    assert (aware.at_border(0) is not None) == at_end


@pytest.mark.parametrize(
    ("gain", "verdict"), [(5, "supported"), (-5, "contradicted"), (0, "inconclusive")]
)
def test_verdicts_follow_the_gain_over_sgd(gain, verdict):
    config = sharpness_aware.Config(shares=(0.0, 0.4), seeds=tuple(range(8)))
    noise = np.tile([[0.3, -0.2, 0.1, -0.2], [-0.1, 0.2, 0.1, -0.2]], 2)
    names = (sharpness_aware.SGD, *sharpness_aware.AWARE)
    found = sharpness_aware.Findings(
        {name: one(80 + noise.round(1) / 2) for name in sharpness_aware.BASELINES}
        | {name: one(80 + gain + noise) for name in sharpness_aware.AWARE},
        flatness.Flatness(
            {rule: record(config, [0.01] * 8) for rule in names},
            {
                measure: {
                    rule: np.exp(noise[0] - gain * (rule in sharpness_aware.AWARE))
                    + (rule == sharpness_aware.SGD) * 1e-3
                    for rule in names
                }
                for measure in flatness.MEASURES
            },
        ),
    )
    told = sharpness_aware.analyse(config, found)
    assert len(told.claims) == 3 * (2 + 2 + 2)
    decided = {claim.id: claim.verdict for claim in told.claims}
    ids = ("SAM.accuracy.40", "ASAM.gradients.0", "GSAM.accuracy.0")
    assert [decided[id] for id in ids] == 3 * [verdict]
    words = {"supported": "higher", "contradicted": "lower"}
    word = words.get(verdict, "not clearly higher")
    assert f"on right labels is {word} with SAM, ASAM and GSAM." in told.summary
    if gain:
        assert decided["SAM.top_eigenvalue"] == verdict
