"""Members of a population differ in what they are asked to, and in nothing else."""

import chex
import jax
import numpy as np
import optax
import pytest

from lec7 import models, train, update_rules

MODEL = models.MLP(num_classes=2, widths=(4,))
SEEDS, RATES, DECAYS = (3, 3), (0.1, 0.2), (0.0, 0.01)


def initialise(key):
    return models.initialise(MODEL, key, (3,))


def make_rule(learning_rate, weight_decay):
    return optax.chain(
        update_rules.l2_in_loss(weight_decay), update_rules.momentum(learning_rate)
    )


def loss(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


@pytest.fixture(scope="module")
def batch():
    images = jax.random.normal(jax.random.key(0), (8, 3))
    return images, (images[:, 0] > 0).astype(np.int32)


def advance(rule, state, batch):
    step = jax.jit(jax.vmap(train.make_step(MODEL, rule, loss)))
    batches = jax.tree.map(lambda leaf: np.stack([leaf] * len(state.step)), batch)
    for _ in range(3):
        state, _ = step(state, batches)
    return state


def test_a_member_with_hyperparameters_of_its_own_trains_as_it_would_alone(batch):
    rule = optax.inject_hyperparams(make_rule)(learning_rate=1.0, weight_decay=1.0)
    together = train.initial_population(
        initialise, rule, SEEDS, {"learning_rate": RATES, "weight_decay": DECAYS}
    )
    together = advance(rule, together, batch)
    rule = make_rule(RATES[1], DECAYS[1])
    alone = train.initial_population(initialise, rule, SEEDS[1:])
    alone = advance(rule, alone, batch)
    second = jax.tree.map(lambda leaf: leaf[1:], together.params)
    chex.assert_trees_all_close(second, alone.params, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_members_that_could_not_differ_are_refused(seeds):
    with pytest.raises(ValueError, match="expected one or more different ones"):
        train.initial_population(initialise, optax.sgd(0.1), seeds)


def test_a_hyperparameter_that_the_rule_does_not_keep_is_refused():
    rule = optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)
    with pytest.raises(ValueError, match="hyperparams has 'rate', which the state"):
        train.initial_population(initialise, rule, (0,), {"rate": (0.1,)})


def test_a_hyperparameter_that_a_schedule_sets_is_refused():
    rule = optax.inject_hyperparams(optax.sgd)(learning_rate=lambda step: 0.1 * step)
    with pytest.raises(ValueError, match="'learning_rate', .* leaves to a schedule"):
        train.initial_population(initialise, rule, (0,), {"learning_rate": (0.1,)})


@pytest.mark.parametrize("value", [0.1, (0.1,), (0.1, 0.2, 0.3)])
def test_hyperparameters_have_a_value_for_each_member(value):
    rule = optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)
    with pytest.raises(ValueError, match=r"of shape \(.*\); expected \(2, ...\)"):
        train.initial_population(initialise, rule, (0, 1), {"learning_rate": value})


def test_a_parameter_of_a_hyperparameters_name_is_left_alone():
    rule = optax.inject_hyperparams(lambda scale: optax.trace(scale))(scale=0.5)
    state = train.initial_population(
        lambda key: {"params": {"scale": np.ones(3)}}, rule, (0,), {"scale": (0.9,)}
    )
    assert state.opt_state.hyperparams["scale"] == 0.9
    np.testing.assert_array_equal(state.opt_state.inner_state.trace["scale"], [[0] * 3])


def test_a_part_of_a_population_is_its_members_in_every_field():
    rows = np.arange(4.0)
    whole = train.Population(
        variables={"params": {"kernel": rows[:, None] * np.ones(2)}},
        updates=np.arange(4),
        history={"loss": np.arange(12).reshape(3, 4), "loss_step": np.arange(3)},
        final={"test_loss": rows},
        opt_state=optax.EmptyState(),
        snapshots={5: {"params": rows}},
    )
    part = whole.part(slice(3, None, -2))
    assert part.updates.tolist() == [3, 1]
    assert part.history["loss"].tolist() == [[3, 1], [7, 5], [11, 9]]
    assert part.history["loss_step"].tolist() == [0, 1, 2]
    assert part.final["test_loss"].tolist() == [3, 1]
    assert part.snapshots[5]["params"].tolist() == [3, 1]
    np.testing.assert_array_equal(
        part.member(0)["params"]["kernel"], whole.member(3)["params"]["kernel"]
    )
