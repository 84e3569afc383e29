"""Guides to a choice of hyper-parameters rank and choose as they are defined."""

import numpy as np
import pytest

from experiments import ensembles
from experiments import ensembles_mixture as mixture
from lec7.ensembles import scores


@pytest.fixture
def mixed():
    # Two groups of four choices; the last fits nothing and so has no gap.
    accuracy = {
        "train": np.array([[100, 99, 90, 10.0], [100, 98, 91, 10]]),
        "validation": np.array([[80, 85, 84, 10.0], [81, 86, 83, 10]]),
        "test": np.array([[79, 86, 83, 11.0], [80, 85, 84, 9]]),
    }
    right = np.arange(100) < accuracy["test"][..., None]
    nothing = scores.Scores(np.zeros((2, 100)), np.zeros((2, 100)))
    return mixture.Mixture(accuracy, right, mixed=nothing, best=nothing)


def test_the_gap_prefers_what_fits_nothing(mixed):
    np.testing.assert_allclose(mixed.chosen().mean(axis=-1), [[86, 85], [11, 9]])


def test_guides_are_ranked_by_spearmans_correlation(mixed):
    # Ranks of the test accuracy: 2 4 3 1; of a small gap: 1 2 3 4 in the first group.
    validation, gap = mixed.correlations()
    np.testing.assert_allclose(validation, 1)
    np.testing.assert_allclose(gap[0], 1 - 6 * (1 + 4 + 0 + 9) / (4 * 15))


@pytest.mark.parametrize(
    ("decay", "told"), [(1e-3, None), (1e-2, "number 2 of 4"), (0.5, None)]
)
def test_a_mixture_is_held_against_the_kind_that_is_best_by_validation(
    mixed, decay, told
):
    config = ensembles.Config(
        members=4,
        widths=(64,),
        rates=(0.06, 0.12),
        decays=(1e-3, 1e-2),
        weight_decay=decay,
    )
    order = [1, 2, 0, 3]  # of the choices above, the best by validation first
    accuracy = {split: of[:, order] for split, of in mixed.accuracy.items()}
    why = mixture.better_kind(config, mixed._replace(accuracy=accuracy))
    assert (why is None) if told is None else (told in why)
