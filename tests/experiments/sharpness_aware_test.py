"""Labels are made wrong exactly as often as asked, and rules take their best radius."""

import numpy as np
import pytest

from experiments import sharpness_aware
from experiments import sharpness_aware_flatness as flatness
from lec7 import data

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


def test_every_share_takes_the_radius_best_on_the_validation_set():
    validation = np.array([[[80.0, 82], [90, 70]], [[50, 50], [60, 55]]])
    one = sharpness_aware.Trained(
        radii=(0.1, 0.2),
        accuracy={"validation": validation},
        loss={},
        updates=np.zeros(0),
        validation=np.zeros(0),
    )
    assert one.best().tolist() == [0, 1]
    test = np.arange(8.0).reshape(2, 2, 2)
    assert one.at_best(test).tolist() == [[0, 1], [6, 7]]


def trained(test):
    """Return a rule with test accuracies [F, M]."""
    accuracy = {split: test[:, None] for split in sharpness_aware.SPLITS}
    return sharpness_aware.Trained(
        (0.1,), accuracy, accuracy, np.ones(1), test[None, :, None]
    )


@pytest.mark.parametrize(
    ("gain", "verdict"), [(5, "supported"), (-5, "contradicted"), (0, "inconclusive")]
)
def test_verdicts_follow_the_gain_over_sgd(gain, verdict):
    config = sharpness_aware.Config(shares=(0.0, 0.4), seeds=(0, 1, 2, 3))
    noise = np.array([[0.3, -0.2, 0.1, -0.2], [-0.1, 0.2, 0.1, -0.2]])
    found = sharpness_aware.Findings(
        {name: trained(80 + noise / 2) for name in sharpness_aware.BASELINES}
        | {name: trained(80 + gain + noise) for name in sharpness_aware.AWARE},
        {
            measure: {
                rule: np.exp(noise[0] - (gain if rule in sharpness_aware.AWARE else 0))
                + (rule == "SGD") * 1e-3
                for rule in (*sharpness_aware.BASELINES, *sharpness_aware.AWARE)
            }
            for measure in flatness.MEASURES
        },
    )
    claims = sharpness_aware.analyse(config, found).claims
    assert len(claims) == 3 * (2 + 2 + 2)
    decided = {claim.id: claim.verdict for claim in claims}
    ids = ("SAM.accuracy.40", "ASAM.gradients.0", "GSAM.accuracy.0")
    assert [decided[id] for id in ids] == 3 * [verdict]
    if gain:
        assert decided["SAM.top_eigenvalue"] == verdict
