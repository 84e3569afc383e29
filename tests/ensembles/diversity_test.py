"""Diversity against slow oracles over pairs, and identities of the squared error."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import ensembles

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(4, 30, 3))
CLASSES = LOGITS.argmax(-1)
LABELS = RNG.integers(3, size=30)
PAIRS = list(itertools.combinations(range(4), 2))


def test_disagreement_is_the_share_of_different_classes_over_pairs():
    each = [np.mean(CLASSES[i] != CLASSES[j]) for i, j in PAIRS]
    found = ensembles.disagreement(jnp.asarray(CLASSES))
    np.testing.assert_allclose(found, np.mean(each), rtol=1e-6)


def q_of_a_pair(one, other):
    n11, n00 = np.sum(one & other), np.sum(~one & ~other)
    n10, n01 = np.sum(one & ~other), np.sum(~one & other)
    return (n11 * n00 - n01 * n10) / (n11 * n00 + n01 * n10)


def test_q_is_yules_over_pairs():
    right = CLASSES == LABELS
    each = [q_of_a_pair(right[i], right[j]) for i, j in PAIRS]
    found = ensembles.q_statistic(jnp.asarray(right))
    np.testing.assert_allclose(found, np.mean(each), rtol=1e-5)


@pytest.mark.parametrize(
    ("rows", "q"),
    [
        ([[1, 1, 0, 0], [1, 1, 0, 0]], 1),
        ([[1, 1, 0, 0], [0, 0, 1, 1]], -1),
        ([[1, 1, 0, 0], [1, 0, 1, 0]], 0),
        ([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]], 1),
        ([[1, 1], [1, 0]], np.nan),
    ],
)
def test_q_is_one_together_zero_independently_and_minus_one_apart(rows, q):
    found = ensembles.q_statistic(jnp.array(rows, bool))
    np.testing.assert_allclose(found, q, atol=1e-7)


def test_the_divergence_is_that_of_all_ordered_pairs(float64):
    p = np.asarray(jax.nn.softmax(LOGITS))
    each = [
        np.mean(np.sum(p[i] * np.log(p[i] / p[j]), axis=-1))
        for i, j in itertools.permutations(range(4), 2)
    ]
    found = ensembles.pairwise_kl(jnp.asarray(LOGITS))
    np.testing.assert_allclose(found, np.mean(each), rtol=1e-12)
    same = jnp.asarray(np.repeat(LOGITS[:1], 3, axis=0))
    np.testing.assert_allclose(ensembles.pairwise_kl(same), 0, atol=1e-15)


def test_the_squared_error_of_the_mean_is_the_mean_error_less_the_spread(float64):
    # (fbar - y)^2 = mean (f - y)^2 - mean (f - fbar)^2
    outputs = 100 * RNG.normal(size=(7, 50, 3))
    targets = 100 * RNG.normal(size=(50, 3))
    parts = ensembles.ambiguity(jnp.asarray(outputs), jnp.asarray(targets))
    difference = parts.members - parts.spread
    np.testing.assert_allclose(parts.ensemble, difference, rtol=1e-12)
    each = np.sum((outputs - targets) ** 2, axis=-1).mean()
    np.testing.assert_allclose(parts.members, each, rtol=1e-12)


@pytest.mark.parametrize(("members", "correlation"), [(1, 0.3), (2, 0.0), (10, 0.6)])
def test_the_variance_of_the_mean_falls_to_that_which_members_share(
    members, correlation
):
    # v (c + (1 - c) / M): the errors of targets 0 are the outputs themselves.
    variance, count = 2.5, 200_000
    rng = np.random.default_rng(members)
    shared = np.sqrt(correlation) * rng.normal(size=(1, count, 1))
    own = np.sqrt(1 - correlation) * rng.normal(size=(members, count, 1))
    outputs = np.sqrt(variance) * (shared + own)
    parts = ensembles.ambiguity(jnp.asarray(outputs), jnp.zeros((count, 1)))
    expected = variance * (correlation + (1 - correlation) / members)
    sigma = expected * np.sqrt(2 / count)
    assert abs(parts.ensemble - expected) < 4 * sigma
    assert abs(parts.members - variance) < 4 * variance * np.sqrt(2 / count)


@pytest.mark.parametrize(
    ("measure", "name"),
    [
        (ensembles.disagreement, "classes"),
        (ensembles.q_statistic, "correct"),
        (ensembles.pairwise_kl, "logits"),
    ],
)
def test_one_member_has_no_diversity(measure, name):
    with pytest.raises(ValueError, match=f"{name} has 1 members; expected 2 or more"):
        measure(jnp.ones((1, 3, 2)))


def test_targets_of_another_shape_are_refused():
    with pytest.raises(
        ValueError, match=r"targets has shape \(3,\); expected \(3, 1\)"
    ):
        ensembles.ambiguity(jnp.ones((2, 3, 1)), jnp.ones(3))


def test_what_is_of_other_axes_or_values_is_refused():
    logits = jnp.zeros((3, 4, 2))
    with pytest.raises(ValueError, match=r"classes is \(3, 4, 2\); expected \[M, N\]"):
        ensembles.disagreement(logits)
    with pytest.raises(
        ValueError, match=r"(?s)correct is .*; expected a number in \[0, 1\]"
    ):
        ensembles.q_statistic(jnp.array([[0, 2, 1], [1, 1, 0]]))
    with pytest.raises(ValueError, match=r"logits is \(3, 4\); expected \[M, N, K\]"):
        ensembles.pairwise_kl(logits[..., 0])


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_halves_are_compared_in_float32(dtype):
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(3, 400, 4)), dtype)
    targets = jnp.zeros((400, 4), dtype)
    for found, expected in (
        (ensembles.pairwise_kl(logits), ensembles.pairwise_kl(logits.astype(float))),
        (
            ensembles.ambiguity(logits, targets).members,
            ensembles.ambiguity(logits.astype(float), targets.astype(float)).members,
        ),
    ):
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)
