"""Averaged probabilities: Jensen, the mean softmax, and why not averaged accuracies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import ensembles, losses, models

RULES = (ensembles.average_probabilities, ensembles.average_log_probabilities)
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


def draw(seed, *, scale, members=5, count=40, classes=4):
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(members, count, classes))
    return jnp.asarray(logits, jnp.float32), rng.integers(classes, size=count)


@rules
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_loss_of_the_mean_is_never_above_the_mean_loss(rule, seed, scale):
    logits, labels = draw(seed, scale=scale)
    each = jax.vmap(losses.cross_entropy, (0, None))(logits, labels)
    together = losses.cross_entropy(rule(logits), labels)
    assert (together <= jnp.mean(each, axis=0) + 1e-5 * (1 + each.max(0))).all()
    assert jnp.isfinite(together).all()


def test_the_probabilities_are_the_mean_and_the_geometric_mean_of_the_members():
    logits, _ = draw(0, scale=2.0)
    p = np.asarray(jax.nn.softmax(logits), np.float64)
    found = [np.exp(np.asarray(rule(logits), np.float64)) for rule in RULES]
    geometric = np.exp(np.log(p).mean(0))
    np.testing.assert_allclose(found[0], p.mean(0), rtol=1e-5)
    np.testing.assert_allclose(
        found[1], geometric / geometric.sum(-1, keepdims=True), rtol=1e-5
    )


def test_members_count_by_their_weights_and_those_of_weight_zero_not_at_all():
    logits, _ = draw(0, scale=2.0, members=3)
    weights = np.array([0.75, 0.25, 0.0])
    p = np.asarray(jax.nn.softmax(logits), np.float64)
    found = ensembles.average_probabilities(logits, weights)
    expected = np.einsum("m,mnk->nk", weights, p)
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-5)


@rules
def test_one_member_and_equal_members_speak_for_themselves(rule):
    logits, _ = draw(1, scale=3.0, members=1)
    alone = jax.nn.log_softmax(logits[0])
    np.testing.assert_allclose(rule(logits), alone, rtol=1e-5, atol=1e-6)
    several = jnp.repeat(logits, 4, axis=0)
    np.testing.assert_allclose(rule(several), alone, rtol=1e-5, atol=1e-6)


def test_the_accuracy_of_the_ensemble_is_no_mean_of_accuracies():
    # Each member is wrong about another example, barely; together they are right.
    wrong, right = [0.45, 0.55], [0.9, 0.1]
    p = [[wrong if m == n else right for n in range(3)] for m in range(3)]
    logits, labels = jnp.log(jnp.array(p)), jnp.zeros(3, int)
    accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == labels[None], axis=1)
    np.testing.assert_allclose(accuracy, 2 / 3, rtol=1e-6)
    together = jnp.argmax(ensembles.average_probabilities(logits), axis=-1)
    assert (together == labels).all()


@rules
def test_a_class_that_a_member_rules_out_falls_by_the_rule(rule):
    logits = jnp.array([[[0.0, -jnp.inf]], [[0.0, 5.0]]])
    p = jnp.exp(rule(logits))[0]
    sure = jax.nn.sigmoid(5.0)
    expected = [1 - sure / 2, sure / 2] if rule is RULES[0] else [1.0, 0.0]
    np.testing.assert_allclose(p, expected, rtol=1e-6)


def test_half_precision_is_averaged_in_single_precision():
    logits = draw(0, scale=1.0)[0].astype(jnp.bfloat16)
    assert ensembles.average_probabilities(logits).dtype == jnp.float32


@rules
def test_no_member_is_refused(rule):
    with pytest.raises(ValueError, match="logits has no member"):
        rule(jnp.zeros((0, 3, 2)))


def test_the_logits_of_members_are_those_of_each_network():
    model = models.MLP(num_classes=3, widths=())
    keys = jax.random.split(jax.random.key(0), 2)
    variables = jax.vmap(lambda key: models.initialise(model, key, (4,)))(keys)
    images = jax.random.normal(jax.random.key(1), (5, 4))
    found = ensembles.member_logits(model, variables, images)
    head = variables["params"]["head"]
    expected = images[None] @ head["kernel"] + head["bias"][:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "weights",
    [
        [1.0],
        [1.0, 1.0, 1.0],
        [2.0, -0.5, -0.5],
        [[0.5, 0.25, 0.25]],
        [np.nan, 0.5, 0.5],
    ],
)
def test_weights_that_are_no_distribution_are_refused(weights):
    logits, _ = draw(0, scale=1.0, members=3)
    for given in (weights, np.array(weights), jnp.array(weights)):
        with pytest.raises(
            ValueError, match=r"weights is .*expected a distribution, \[3"
        ):
            ensembles.average_probabilities(logits, given)


@pytest.mark.parametrize("dtype", [float, np.float32, np.float16, jnp.bfloat16])
def test_weights_of_any_type_and_a_list_are_taken(dtype):
    logits, _ = draw(0, scale=1.0, members=3)
    weights = np.full(3, 1 / 3).astype(dtype)
    for given in (weights, list(weights)):
        found = ensembles.average_probabilities(logits, given)
        expected = ensembles.average_probabilities(logits)
        np.testing.assert_allclose(found, expected, atol=4e-3)


def test_predictions_in_halves_are_averaged_in_float32():
    part = jnp.full((1, 2), 0.5, jnp.float16)
    predictions = [
        ensembles.Prediction(part + i * 2.0**-11, part * 0, 1) for i in range(2)
    ]
    together = ensembles.average_members([lambda x, p=p: p for p in predictions])(None)
    assert together.mean.dtype == together.variance.dtype == jnp.float32
    assert together.mean[0, 0] == 0.5 + 2.0**-12
