"""Ensembles of every size are scored fairly: every member counts the same."""

import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import ensembles
from lec7.ensembles import scores

RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(2 * RNG.normal(size=(4, 30, 3)), jnp.float32)
LABELS = RNG.integers(3, size=30)


def test_ensembles_of_one_are_the_members_and_of_all_the_whole():
    found = scores.by_number(LOGITS, LABELS)
    alone = scores.score(LOGITS, LABELS)
    together = scores.score(ensembles.average_probabilities(LOGITS), LABELS)
    assert found.accuracy.shape == found.loss.shape == (4,)
    np.testing.assert_allclose(found.accuracy[0], alone.accuracy.mean(), rtol=1e-6)
    np.testing.assert_allclose(found.loss[0], alone.loss.mean(), rtol=1e-6)
    np.testing.assert_allclose(found.accuracy[-1], together.accuracy, rtol=1e-6)
    np.testing.assert_allclose(found.loss[-1], together.loss, rtol=1e-6)


def test_more_members_never_raise_the_mean_loss_of_rings():
    # A ring of M + 1 is a mean of rings of M only on average over all subsets; the
    # whole is at most any of them by Jensen's inequality.
    loss = scores.by_number(LOGITS, LABELS).loss
    assert (loss[-1] <= loss + 1e-6).all()
    assert (loss <= loss[0] + 1e-6).all()


def test_the_last_snapshot_alone_is_the_last_network():
    found = scores.by_last(LOGITS, LABELS)
    last = scores.score(LOGITS[-1], LABELS)
    pair = scores.score(ensembles.average_probabilities(LOGITS[2:]), LABELS)
    np.testing.assert_allclose(found.loss[:2], [last.loss, pair.loss], rtol=1e-6)
    np.testing.assert_allclose(found.accuracy[0], last.accuracy, rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:, None], r"labels have shape \(30, 1\); expected \(30,\)"),
        (LABELS[:20], r"labels have shape \(20,\); expected \(30,\)"),
        (LABELS.astype(float), r"labels are float64\[30\]; expected integers"),
        (
            np.where(np.arange(30) == 4, -1, LABELS),
            r"labels\[4\] is -1; expected a class",
        ),
        (LABELS + 1, r"labels\[\d+\] is 3; expected a class from 0 to 2"),
    ],
)
def test_labels_are_a_class_for_each_example(labels, message):
    p = np.asarray(jnp.exp(ensembles.average_probabilities(LOGITS)))
    for function, outputs in (
        (scores.score, LOGITS),
        (scores.of_probabilities, p),
        (scores.by_number, LOGITS),
        (scores.by_last, LOGITS),
    ):
        with pytest.raises(ValueError, match=message):
            function(outputs, labels)


def test_probabilities_in_halves_are_scored_in_float32():
    p = np.tile(np.float16([0.25, 0.75]), (4000, 1))
    found = scores.of_probabilities(p, np.ones(4000, int))
    np.testing.assert_allclose(found.loss, -np.log(0.75), rtol=1e-6)


def test_the_mean_over_the_examples_is_the_score():
    p = np.asarray(jnp.exp(ensembles.average_probabilities(LOGITS)))
    for function, outputs in (
        (scores.score, LOGITS),
        (scores.of_probabilities, p),
        (scores.by_number, LOGITS),
        (scores.by_last, LOGITS),
    ):
        of_each = function(outputs, LABELS, each=True)
        whole = function(outputs, LABELS)
        assert of_each.loss.shape == (*whole.loss.shape, 30)
        assert of_each.loss.dtype == np.float32
        np.testing.assert_allclose(of_each.mean().loss, whole.loss, rtol=1e-6)
        np.testing.assert_allclose(of_each.mean().accuracy, whole.accuracy, rtol=1e-6)
