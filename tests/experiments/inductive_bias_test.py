"""The networks are the paper's, shuffling keeps all, and verdicts follow numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import inductive_bias
from lec7 import models, train

CONFIG = inductive_bias.Config()
ORDERS, NETWORKS = inductive_bias.ORDERS, tuple(inductive_bias.NETWORKS)
NAMED = tuple(enumerate(NETWORKS))
SPREAD = np.linspace(-0.5, 0.5, 10)
PUBLISHED = {
    (how, name): numbers[place]
    for name, numbers in inductive_bias.PUBLISHED.items()
    for place, how in enumerate(ORDERS)
}


def record(test, spread=SPREAD):
    """A training that ends with such a test accuracy in %."""
    steps, loss = np.arange(4), np.exp(-np.arange(4.0))[:, None] * np.ones(10)
    final = {
        "test_accuracy": (test + spread) / 100,
        "train_accuracy": 1 + np.minimum(spread, 0) / 100,
        "train_loss": loss[-1],
    }
    history = {"loss": loss, "train_loss": loss, "train_loss_step": steps}
    return train.Record(np.full(10, 4), history, final)


def right(test, place):
    """Whether 2,000 examples are right, of so many in %, others for each network."""
    few = [np.arange(2000) < 20 * (test + spread) for spread in np.roll(SPREAD, place)]
    order = np.random.default_rng(place).permutation(2000)
    return np.stack(few)[:, order]


def findings(**test):
    """Findings of the published accuracies, but for those given."""
    numbers = PUBLISHED | {
        tuple(key.rsplit("_", 1)): value for key, value in test.items()
    }
    return inductive_bias.Findings(
        records={
            how: {
                name: record(numbers[how, name], np.roll(SPREAD, place))
                for place, name in enumerate(NETWORKS)
            }
            for how in ORDERS
        },
        right={
            how: {name: right(numbers[how, name], place) for place, name in NAMED}
            for how in ORDERS
        },
        parameters=dict.fromkeys(NETWORKS, 1),
        examples={"train": 4000, "test": 1000},
        signal=np.arange(40.0),
        order=inductive_bias.permutation(0, 40),
    )


def verdicts(config=CONFIG, **test):
    told = inductive_bias.analyse(config, findings(**test))
    return {claim.id: claim.verdict for claim in told.claims}


def variables(name, shape):
    model = inductive_bias.NETWORKS[name](10)
    return model, models.initialise(model, jax.random.key(0), shape)


@pytest.mark.parametrize(
    ("name", "count"), [("linear", 410), ("MLP", 15_210), ("CNN", 5_210)]
)
def test_the_networks_have_the_papers_number_of_parameters(name, count):
    _, of = variables(name, (40, 1))
    assert sum(leaf.size for leaf in jax.tree.leaves(of)) == count


def test_shuffling_moves_all_examples_alike_and_keeps_channels_together():
    images = np.arange(24.0).reshape(2, 2, 3, 2)
    order = inductive_bias.permutation(1, 6)
    shuffled = inductive_bias.shuffle(images, order)
    assert shuffled.shape == images.shape
    flat, moved = images.reshape(2, 6, 2), shuffled.reshape(2, 6, 2)
    np.testing.assert_array_equal(moved, flat[:, order])
    assert sorted(order) == list(range(6)) != list(order)


@pytest.mark.parametrize("name", ["linear", "MLP"])
def test_a_dense_network_can_undo_the_shuffling_by_its_first_weights(name):
    model, of = variables(name, (40, 1))
    x = jax.random.normal(jax.random.key(1), (3, 40, 1))
    order = inductive_bias.permutation(0, 40)
    first = {"linear": "head", "MLP": "Dense_0"}[name]
    moved = jax.tree.map(jnp.asarray, of)
    moved["params"][first]["kernel"] = of["params"][first]["kernel"][order]
    np.testing.assert_allclose(
        model.apply(moved, inductive_bias.shuffle(x, order), train=False),
        model.apply(of, x, train=False),
        atol=1e-5,
    )


def test_initial_weights_are_uniform_within_the_root_of_the_inputs():
    model = inductive_bias.NETWORKS["CNN"](10)
    of = inductive_bias.uniform(model, jax.random.key(0), (40, 1))["params"]
    wanted = variables("CNN", (40, 1))[1]["params"]
    assert jax.tree.map(jnp.shape, of) == jax.tree.map(jnp.shape, wanted)
    for layer, inputs in (("Conv_0", 5), ("Conv_1", 75), ("head", 125)):
        values = np.concatenate([np.ravel(leaf) for leaf in of[layer].values()])
        assert np.abs(values).max() <= inputs**-0.5
        assert values.std() == pytest.approx((3 * inputs) ** -0.5, rel=0.1)


def test_at_the_published_accuracies_everything_is_supported():
    assert set(verdicts().values()) == {"supported"}
    assert len(verdicts()) == 9


@pytest.mark.parametrize(
    ("id", "test", "verdict"),
    [
        ("T1.MLP", {"in order_MLP": 64.5}, "contradicted"),
        ("T1.MLP", {"in order_MLP": 66.2}, "inconclusive"),
        ("T1.CNN.shuffled", {"shuffled_CNN": 59.0}, "contradicted"),
        ("bias", {"in order_CNN": 60.0}, "contradicted"),
        ("bias.shuffled", {"shuffled_CNN": 80.0}, "contradicted"),
    ],
)
def test_a_verdict_follows_its_number(id, test, verdict):
    assert verdicts(**test)[id] == verdict


def test_published_numbers_are_claimed_of_their_own_setting_alone():
    others = verdicts(inductive_bias.Config(dataset="digits"))
    assert set(others) == {"bias", "bias.shuffled", "bias.learns"}
    assert set(verdicts(inductive_bias.Config(updates=100))) == set(others)
