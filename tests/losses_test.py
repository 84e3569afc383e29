"""Losses against slow float64 transcriptions, at the edges of the number range."""

import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import losses


def slow_cross_entropy(logits, labels):
    """The definition in exact rational steps: fsum, and log1p of what is below."""
    found = []
    for row, label in zip(np.asarray(logits, np.float64), labels, strict=True):
        top = int(np.argmax(row))
        rest = math.fsum(math.exp(f - row[top]) for k, f in enumerate(row) if k != top)
        found.append(row[top] - row[label] + math.log1p(rest))
    return np.array(found)


def slow_squared_error(logits, labels):
    return np.array(
        [
            math.fsum(0.5 * (f - (k == label)) ** 2 for k, f in enumerate(row))
            for row, label in zip(np.asarray(logits, np.float64), labels, strict=True)
        ]
    )


ORACLES = {
    losses.cross_entropy: slow_cross_entropy,
    losses.squared_error: slow_squared_error,
}
both_losses = pytest.mark.parametrize("loss", ORACLES, ids=lambda loss: loss.__name__)


def first_cross_entropy(logits, label):
    return losses.cross_entropy(logits[None], label[None])[0]


def draw(scale=3.0, batch=32, classes=7):
    rng = np.random.default_rng(0)
    logits = scale * rng.normal(size=(batch, classes))
    return logits, rng.integers(0, classes, batch)


@both_losses
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-14)]
)
def test_loss_equals_its_definition_example_by_example(loss, dtype, tolerance, float64):
    logits, labels = draw()
    logits = logits.astype(dtype)
    value = loss(jnp.asarray(logits), jnp.asarray(labels))
    assert value.shape == labels.shape and value.dtype == dtype
    np.testing.assert_allclose(value, ORACLES[loss](logits, labels), rtol=tolerance)


@both_losses
def test_half_precision_is_accumulated_in_float32(loss):
    logits, labels = draw()
    logits = jnp.asarray(logits, jnp.bfloat16)
    value = loss(logits, jnp.asarray(labels))
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, ORACLES[loss](logits, labels), rtol=1e-6)


@pytest.mark.parametrize(
    ("row", "label", "expected"),
    [
        ([1e30, 0.0, -1e30], 0, 0.0),
        ([1e30, 0.0, -1e30], 2, 2e30),
        ([1000.0, 999.0, 0.0], 1, 1 + math.log1p(math.exp(-1))),
        ([0.0, -80.0, -90.0], 0, math.exp(-80) + math.exp(-90)),
        ([-math.inf, 0.0, 0.0], 1, math.log(2)),
        ([5.0, 5.0, 5.0], 2, math.log(3)),
    ],
)
def test_cross_entropy_and_gradient_are_exact_for_extreme_logits(row, label, expected):
    value, gradient = jax.jit(jax.value_and_grad(first_cross_entropy))(
        jnp.array(row), jnp.array(label)
    )
    # XLA's own exp(-80) is off by 5e-5.
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient.sum(), 0, atol=1e-6)


def test_the_gradient_of_a_fitted_example_keeps_its_digits():
    # softmax - onehot, rounded, would be exactly 0 at the label.
    gradient = jax.grad(first_cross_entropy)(jnp.array([40.0, 0.0, 1.0]), jnp.array(0))
    others = np.exp([-40.0, -39.0])
    np.testing.assert_allclose(gradient, [-others.sum(), *others], rtol=1e-5)


def test_derivatives_of_cross_entropy_are_those_of_the_softmax(float64):
    logits, labels = draw(batch=8)
    logits[:2] = 1.5  # all equal: the largest is not unique
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    gradient = jax.jit(jax.vmap(jax.grad(first_cross_entropy)))(logits, labels)
    onehot = np.eye(logits.shape[1])[labels]
    np.testing.assert_allclose(gradient, probabilities - onehot, atol=1e-15)
    hessian = jax.jit(jax.vmap(jax.hessian(first_cross_entropy)))(logits, labels)
    expected = np.stack([np.diag(p) - np.outer(p, p) for p in probabilities])
    np.testing.assert_allclose(hessian, expected, atol=1e-15)


def test_the_gradient_of_squared_error_is_the_residual(float64):
    logits, labels = draw()
    gradient = jax.grad(lambda f: losses.squared_error(f, labels).sum())(
        jnp.asarray(logits)
    )
    onehot = np.eye(logits.shape[1])[labels]
    np.testing.assert_allclose(gradient, logits - onehot, atol=1e-15)


def draw_probabilities():
    logits, labels = draw()
    share = np.random.default_rng(1).dirichlet(
        np.full(logits.shape[1], 0.3), len(labels)
    )
    share[:4] = np.eye(logits.shape[1])[labels[:4]]
    share[4] = 0.5 * (share[0] + np.eye(logits.shape[1])[np.argmax(logits[4])])
    return logits, share


@both_losses
def test_the_loss_of_probabilities_equals_its_definition(loss, float64):
    logits, share = draw_probabilities()
    slow = {
        losses.cross_entropy: lambda f, q: (
            math.log(math.fsum(np.exp(f))) - math.fsum(q * f)
        ),
        losses.squared_error: lambda f, q: math.fsum(0.5 * (f - q) ** 2),
    }[loss]
    expected = [slow(f, q) for f, q in zip(logits, share, strict=True)]
    np.testing.assert_allclose(loss(logits, share), expected, rtol=1e-13, atol=1e-14)


@both_losses
def test_certain_probabilities_are_the_class(loss):
    logits, labels = draw()
    logits = jnp.asarray(logits, jnp.float32)
    value_and_gradient = jax.vmap(
        jax.value_and_grad(lambda f, y: loss(f[None], y[None])[0])
    )
    chex.assert_trees_all_equal(
        value_and_gradient(logits, jax.nn.one_hot(labels, logits.shape[1])),
        value_and_gradient(logits, jnp.asarray(labels)),
    )


def test_the_gradient_of_cross_entropy_is_softmax_minus_probabilities(float64):
    logits, share = draw_probabilities()
    gradient = jax.grad(lambda f: losses.cross_entropy(f, share).sum())(logits)
    softmax = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(gradient, softmax - share, atol=1e-15)


def test_accuracy_is_what_the_labels_give_to_the_predicted_class():
    logits, labels = draw()
    _, share = draw_probabilities()
    predicted = logits.argmax(-1)
    np.testing.assert_array_equal(losses.accuracy(logits, labels), predicted == labels)
    np.testing.assert_allclose(
        losses.accuracy(logits, share), share[np.arange(len(share)), predicted]
    )


def test_a_class_that_logits_and_probabilities_rule_out_costs_nothing():
    logits, share = jnp.array([-jnp.inf, 0.0, 0.0]), jnp.array([0.0, 0.5, 0.5])
    value, gradient = jax.value_and_grad(first_cross_entropy)(logits, share)
    np.testing.assert_allclose(value, math.log(2), rtol=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-7)


@pytest.mark.parametrize(
    "loss", [losses.cross_entropy, losses.squared_error, losses.accuracy]
)
@pytest.mark.parametrize(
    ("shape", "labels"),
    [
        ((2, 3), np.array([[0], [1]])),
        ((2, 3), np.array([0.0, 1.0])),
        ((2, 3), np.array([0, 1, 2])),
        ((2, 3), np.array([[0, 1, 0], [1, 0, 0]])),
        ((2, 3), np.array([[1.0], [0.0]])),
        ((2, 1), np.array([0, 1])),
        ((2, 1), np.array([0.5, 2.0])),
    ],
)
def test_labels_that_would_be_broadcast_or_cast_are_refused(loss, shape, labels):
    # keras#2471, #11749: a column of labels gave an accuracy of minus two billion.
    with pytest.raises(ValueError, match="expected (classes|two or more)"):
        loss(jnp.ones(shape), jnp.asarray(labels))


@both_losses
def test_a_class_that_there_is_not_has_no_loss(loss):
    found = jax.jit(loss)(jnp.ones((3, 2)), jnp.array([-1, 2, 0]))
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    hits = losses.accuracy(jnp.eye(3)[:, :2], jnp.array([-1, 2, 0]))
    np.testing.assert_array_equal(hits, [np.nan, np.nan, 1])


def test_labels_of_sequences_are_scored_by_position():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 3)))
    labels = jnp.argmax(logits, axis=-1)
    np.testing.assert_array_equal(losses.accuracy(logits, labels), np.ones((2, 4)))
    one_hot = jax.nn.one_hot(labels, 3)
    np.testing.assert_array_equal(losses.accuracy(logits, one_hot), np.ones((2, 4)))
