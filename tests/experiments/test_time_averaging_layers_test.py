"""Averages over noisy passes, and what they are compared with."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from experiments import test_time_averaging_layers as noisy
from lec7 import data, models
from lec7.ensembles.scores import Scores, of_probabilities, stack

SHAPE, CLASSES = (4, 4, 1), 3


def probabilities(count, images=40, concentration=1.0):
    draw = np.random.default_rng(0)
    return draw.dirichlet(np.full(CLASSES, concentration), size=(count, images))


def labels(images=40):
    return np.random.default_rng(1).integers(CLASSES, size=images)


def examples(count=16):
    images = np.random.default_rng(2).normal(size=(count, *SHAPE))
    return data.Split(images.astype(np.float32), labels(count).astype(np.int32))


def curve(several, right):
    """Return the numbers of one network."""
    counts = 2 ** np.arange(len(several).bit_length())
    scored, noise = noisy.curve(several, right)
    nothing = np.zeros((1, len(right)))
    return noisy.Layer(
        Scores(nothing, nothing), counts, stack([scored]), noise[None], np.zeros(1)
    )


def initial(model, seed=0):
    return models.initialise(model, jax.random.key(seed), SHAPE)


def test_a_curve_equals_loops_over_groups_of_passes():
    several, right = probabilities(32), labels()
    found = curve(several, right)
    np.testing.assert_array_equal(found.passes, [1, 2, 4, 8, 16, 32])
    for place, count in enumerate(found.passes):
        groups = [several[i : i + count].mean(0) for i in range(0, 32, count)]
        hits = [p[i].argmax() == y for p in groups for i, y in enumerate(right)]
        lost = [-math.log(p[i, y]) for p in groups for i, y in enumerate(right)]
        scored = found.averaged(count).mean()
        np.testing.assert_allclose(scored.accuracy, [100 * np.mean(hits)], rtol=1e-6)
        np.testing.assert_allclose(scored.loss, [np.mean(lost)], rtol=1e-6)
        known = len(groups) >= noisy.GROUPS
        noise = np.var(groups, axis=0, ddof=1).mean() if known else np.nan
        np.testing.assert_allclose(found.noise[0, place], noise)


def test_the_noise_of_independent_passes_falls_as_one_over_their_number():
    found = curve(probabilities(256, images=400), labels(400))
    variance = (1 / CLASSES) * (1 - 1 / CLASSES) / (CLASSES + 1)
    np.testing.assert_allclose(found.noise[0, 0], variance, rtol=0.02)
    np.testing.assert_allclose(found.exponents[0], -1, atol=0.02)


def test_the_noise_of_equal_passes_is_zero():
    same = np.repeat(probabilities(1), 32, axis=0)
    found = curve(same, labels())
    np.testing.assert_allclose(found.noise[0, :3], 0, atol=1e-30)
    assert np.ptp(found.several.accuracy, axis=1).max() == 0


def test_a_certain_error_costs_a_finite_loss():
    assert np.isfinite(of_probabilities(np.array([[1.0, 0.0]]), np.array([1])).loss)


def test_passes_without_noise_are_the_rule():
    model, split = models.MLP(num_classes=CLASSES, widths=(4,)), examples()
    found = noisy.Networks(model, [initial(model), initial(model, 1)])
    several = [
        noisy.monte_carlo_passes(model, m, split.images, count=3, seed=0)
        for m in found.members
    ]
    rules = noisy.by_rule(found, split.images)
    np.testing.assert_allclose(noisy.distances(rules, several), 0, atol=1e-6)
    drawn = noisy.monte_carlo_passes(
        model.clone(dropout=0.5), found.members[0], split.images, count=2, seed=0
    )
    assert np.abs(drawn[0] - drawn[1]).max() > 0.01


def test_a_pass_of_batch_norm_is_the_training_pass_of_its_batch():
    model = models.MLP(num_classes=CLASSES, widths=(4, 4), batch_norm=True)
    split, variables = examples(), initial(model)
    row = data.batch_indices(3 * 2 + 1, 0, 1, batch_size=8, num_examples=16)[0]
    images = split.images[row]
    several = noisy.batch_statistics_passes(
        model, variables, images, split=split, batch_size=8, count=2, seed=3
    )
    logits, _ = model.apply(variables, images, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(several[1], jax.nn.softmax(logits), atol=1e-5)
    assert np.abs(several[0] - several[1]).max() > 1e-3


def test_the_distance_is_the_total_variation_from_the_average():
    rules = np.array([[[1.0, 0.0], [0.5, 0.5]]])
    several = [np.array([[[0.8, 0.2], [0.5, 0.5]], [[0.6, 0.4], [0.5, 0.5]]])]
    np.testing.assert_allclose(noisy.distances(rules, several), [0.15])


def test_plain_means_halve_the_weights_of_the_hidden_layers():
    model = models.ConvNet(
        CLASSES, channels=(2,), dense=(4,), batch_norm=False, drop_connect=0.5
    )
    split, variables = examples(), initial(model)
    hidden = variables["params"]["classifier"]["Dense_0"]
    hidden["bias"] = jnp.ones_like(hidden["bias"])
    found = noisy.by_plain_means(noisy.Networks(model, [variables]), split.images)
    half = {name: leaf / 2 for name, leaf in hidden.items()}
    variables["params"]["classifier"]["Dense_0"] = half
    plain = model.clone(drop_connect=0.0)
    logits = plain.apply(variables, split.images, train=False)
    np.testing.assert_allclose(found[0], jax.nn.softmax(logits), atol=1e-6)


def test_every_source_of_noise_has_a_network():
    assert tuple(noisy.networks(16)) == noisy.NOISE
