"""Sub-networks listed one by one, against loops over masks in plain NumPy."""

import itertools
import math

import jax
import numpy as np
import pytest

from experiments import test_time_averaging_layers as noisy
from experiments import test_time_averaging_masks as masked
from lec7 import data, models
from lec7.ensembles.scores import Scores

UNITS, CLASSES = 3, 4


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_an_enumeration_equals_loops_over_the_masks():
    model = masked.Narrow(CLASSES, UNITS, 5, noisy.DROP, axis_name=None)
    variables = models.initialise(model, jax.random.key(0), (3, 3, 1))
    draw = np.random.default_rng(0)
    labels = draw.integers(CLASSES, size=20).astype(np.int32)
    images = draw.normal(size=(20, 3, 3, 1)).astype(np.float32)
    found = masked.enumerate_all(model, variables, data.Split(images, labels))

    layers = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)[
        "params"
    ]

    def dense(name, x):
        return x @ layers[name]["kernel"] + layers[name]["bias"]

    def rest(h):
        z = dense("second", h)
        return z, np.maximum(z, 0), softmax(dense("head", np.maximum(z, 0)))

    h = np.maximum(dense("first", images.reshape(20, -1).astype(np.float64)), 0)
    masks = list(itertools.product([0, 1], repeat=UNITS))
    units, rectified, p = (
        np.stack(part)
        for part in zip(*(rest(2 * h * np.array(m)) for m in masks), strict=True)
    )
    z, positive, rule = rest(h)
    share = 100 * np.mean(p.argmax(-1) == labels, axis=1)
    np.testing.assert_allclose(np.sort(found.accuracies), np.sort(share))
    alone = 100 * np.mean(p.argmax(-1) == labels, axis=0)
    np.testing.assert_allclose(found.one, alone, rtol=1e-6)
    geometric = softmax(np.log(p).mean(0))
    for name, q in {"all": p.mean(0), "geometric": geometric, "rule": rule}.items():
        scored = found.scores[name]
        np.testing.assert_array_equal(scored.accuracy, 100 * (q.argmax(-1) == labels))
        lost = -np.log(q[np.arange(20), labels])
        np.testing.assert_allclose(scored.loss, lost, rtol=1e-5)
    for name, q in {"all": p.mean(0), "geometric": geometric}.items():
        distance = np.mean(np.sum(np.abs(q - rule), -1) / 2)
        np.testing.assert_allclose(found.distances[name], distance)
    np.testing.assert_allclose(units.mean(0), z, atol=1e-14)
    assert found.linear_error < 1e-14
    error = np.mean(np.abs(rectified.mean(0) - positive)) / rectified.mean()
    np.testing.assert_allclose(found.rectified_error, error)


def test_a_narrow_network_trains_with_the_masks_that_are_listed():
    model = masked.Narrow(CLASSES, UNITS, 5, noisy.DROP, axis_name=None)
    variables = models.initialise(model, jax.random.key(0), (2, 2, 1))
    image = np.ones((1, 2, 2, 1), np.float32)
    h = model.apply(variables, image, method="hidden")
    listed = [
        model.apply(variables, 2 * h * mask[None], method="rest")[1][0]
        for mask in masked.all_masks(UNITS)
    ]
    for seed in range(5):
        rngs = {"dropout": jax.random.key(seed)}
        logits = model.apply(variables, image, train=True, rngs=rngs)
        assert min(np.abs(logits[0] - one).max() for one in listed) < 1e-6


def test_scaling_is_exact_for_linear_neurons_and_for_half_of_those_with_a_relu():
    found = masked.neurons(2000, seed=0)
    assert found["linear"].all()
    assert abs(found["ReLU"].mean() - 0.5) < 5 * math.sqrt(0.25 / 2000)


def test_the_layer_of_the_lecture_has_more_than_ten_to_the_1233_masks():
    assert int(masked.MASKED * math.log10(2)) == 1233
    assert len(str(2**masked.MASKED)) == 1234


def enumerated(error):
    """Return sub-networks of three networks, whose rule is off by an error."""
    ones = np.array([1.0, 1.1, 0.9])
    right = {"all": 90.0, "geometric": 90.0, "rule": 90 + error}
    rows = {name: of * np.ones((3, 5)) * ones[:, None] for name, of in right.items()}
    return masked.Enumeration(
        accuracies=80 * ones[:, None] + np.zeros(8),
        one=80 * ones[:, None] + np.zeros(5),
        scores={name: Scores(of, of) for name, of in rows.items()},
        linear_error=1e-15 * ones,
        rectified_error=error * ones,
        distances={"all": error * ones, "geometric": error * ones / 2},
    )


@pytest.mark.parametrize(
    ("error", "verdicts"),
    [
        (0.05, ("supported", "supported", "supported")),
        (0.001, ("supported", "contradicted", "contradicted")),
        (2.0, ("contradicted", "supported", "contradicted")),
    ],
)
def test_verdicts_on_the_rule_follow_its_error(error, verdicts):
    found = {"with dropout": enumerated(error), "without": enumerated(0.0)}
    exact = {"linear": np.ones(1000, bool), "ReLU": np.arange(1000) < 500}
    claims = masked.ensemble_claims(found) + masked.scaling_claims(found, exact)
    decided = {claim.id: claim.verdict for claim in claims}
    asked = ("L54.rule", "L56.rectified", "L56.network")
    assert tuple(decided[id] for id in asked) == verdicts
    assert decided["L54.ensemble"] == "supported"
    assert decided["L56.neuron"] == decided["L56.exact"] == "supported"
