import chex
import jax
import numpy as np
import optax
import pytest
from flax import linen as nn

from lec7 import loops, losses, models, train
from lec7.train import feed
from lec7.train import step as steps

SHAPE, BATCH = (6, 6, 1), 4
RULE = optax.adam(0.01)


class OwnCNN(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = nn.relu(nn.Conv(2, (3, 3))(x))
        return nn.Dense(3)(x.reshape(len(x), -1))


def population(model, seeds=(0, 1)):
    return train.initial_population(
        lambda key: models.initialise(model, key, SHAPE), RULE, seeds
    )


def batches(seeds=(0, 1)):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(16, *SHAPE)).astype(np.float32)
    labels = rng.integers(0, 3, 16).astype(np.int32)
    return feed.from_arrays(images, labels, seeds=seeds, batch_size=BATCH)


def is_flat(model):
    step = train.make_step(model, RULE, losses.cross_entropy)
    member = jax.tree.map(lambda leaf: leaf[0], population(model))
    batch = np.zeros((BATCH, *SHAPE), np.float32), np.zeros(BATCH, np.int32)
    return loops.are_slow(step, member, batch)


@pytest.mark.parametrize(
    ("model", "flat"),
    [
        (OwnCNN(), True),
        (models.MLP(3, widths=(4,)), False),
        (models.ConvNet(3, channels=(2,)), False),
    ],
    ids=["own convolution", "dense", "convolution of lec7"],
)
def test_on_the_cpu_convolutions_of_xla_are_laid_out_flat(model, flat):
    assert is_flat(model) == flat


@pytest.mark.parametrize("num_devices", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_flat_and_looped_are_the_same_training(num_devices):
    devices = jax.devices()[:num_devices]
    step = train.make_step(
        OwnCNN(), RULE, losses.cross_entropy, axis_name=train.DEVICE_AXIS
    )
    given = batches()
    slots = feed.divide(given.slots(0, 3), num_devices)
    active = np.array([True, False])
    made = steps.make_advance(step, given.fetch, devices)
    flat = made(population(OwnCNN()), given.data, slots, active)
    looped = steps.over_devices(
        steps.over_steps(jax.vmap(step), given.fetch),
        devices,
        in_axes=(None, None, 0, None),
    )(population(OwnCNN()), given.data, slots, active)
    chex.assert_trees_all_close(
        flat[0].replace(key=0), looped[0].replace(key=0), rtol=1e-4, atol=1e-6
    )
    going = (jax.tree.map(lambda rows: rows[:, 0], m) for _, m in (flat, looped))
    chex.assert_trees_all_close(*going, rtol=1e-4, atol=1e-6)
    stopped = population(OwnCNN()).params
    chex.assert_trees_all_equal(
        *(jax.tree.map(lambda x: x[1], tree) for tree in (flat[0].params, stopped))
    )


def test_a_flat_training_is_resumed_to_the_same_bytes(tmp_path):
    given = batches()
    images, labels = given.data

    def run(steps, folder):
        return train.train(
            OwnCNN(),
            RULE,
            (images, labels),
            steps=steps,
            batch_size=BATCH,
            seeds=(0, 1),
            evaluate_every=2,
            checkpoint_every=1,
            folder=tmp_path / folder,
        )

    whole = run(6, "whole")
    run(4, "cut")
    resumed = run(6, "cut")
    chex.assert_trees_all_equal(whole.variables, resumed.variables)
    chex.assert_trees_all_equal(whole.history, resumed.history)
