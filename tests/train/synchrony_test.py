"""On several devices a training is the same, or refused.

google/flax#319: without an axis, BatchNorm has the statistics of one device.
"""

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn

from lec7 import losses, models, train
from lec7.train import feed, synchrony
from lec7.train import step as steps

X = np.random.default_rng(0).normal(size=(32, 4, 4, 1)).astype(np.float32)
Y = (X.sum((1, 2, 3)) > 0).astype(np.int32)


class Own(nn.Module):
    layer: str
    axis: str | None = None

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dense(4)(x.reshape(len(x), -1))
        if self.layer == "norm":
            x = nn.BatchNorm(use_running_average=not train, axis_name=self.axis)(x)
        elif self.layer == "drop":
            x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(2)(x)


def fit(model, count):
    return train.train(
        model,
        optax.sgd(0.1),
        (X, Y),
        steps=3,
        batch_size=16,
        devices=jax.devices()[:count],
    )


@pytest.mark.parametrize(
    ("layer", "message"),
    [("norm", "BatchNorm_0 is a BatchNorm without axis_name"), ("drop", "Dropout_0")],
)
@pytest.mark.parametrize("count", [2, 4])
def test_layers_that_do_not_know_of_other_devices_are_refused(layer, message, count):
    with pytest.raises(ValueError, match=f"{message}.* {count} devices"):
        fit(Own(layer), count)


@pytest.mark.parametrize(
    "model",
    [
        Own("none"),
        Own("norm", train.DEVICE_AXIS),
        models.MLP(num_classes=2, widths=(4,), batch_norm=True),
    ],
    ids=["plain", "norm", "ours"],
)
def test_two_devices_train_what_one_does(model):
    one, two = (fit(model, count).variables for count in (1, 2))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_a_step_without_its_axis_is_refused_on_several_devices(tmp_path):
    model = models.MLP(num_classes=2, widths=(4,))
    rule = optax.sgd(0.1)
    state = train.initial_population(
        lambda key: models.initialise(model, key, X.shape[1:]), rule, (0,)
    )
    with pytest.raises(ValueError, match="the step averages over no axis"):
        train.fit(
            state,
            step=train.make_step(model, rule, losses.cross_entropy),
            batches=train.from_arrays(X, Y, seeds=(0,), batch_size=16),
            evaluate=lambda state: {},
            plan=train.Plan(max_steps=1, evaluate_every=1),
            devices=jax.devices()[:2],
            folder=tmp_path,
            name="x",
        )


def advanced(model, axis_name=train.DEVICE_AXIS, count=2):
    rule, devices = optax.sgd(0.1), jax.devices()[:count]
    batches = train.from_arrays(X, Y, seeds=(0,), batch_size=16)
    state = train.initial_population(
        lambda key: model.init(key, X[:1], train=False), rule, (0,)
    )
    step = train.make_step(model, rule, losses.cross_entropy, axis_name=axis_name)
    state, data = (steps.place(tree, devices) for tree in (state, batches.data))
    slots = feed.divide(batches.slots(0, 2), count)
    advance = train.make_advance(step, batches.fetch, devices)
    return advance(state, data, slots, np.ones(1, bool))[0].params


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((Own("none"), None), "the step averages over no axis"),
        ((Own("norm"),), "BatchNorm_0 is a BatchNorm without axis_name"),
        ((Own("drop"),), "Dropout_0 is a Dropout of Flax"),
    ],
    ids=["axis", "norm", "drop"],
)
def test_updates_of_several_devices_are_those_of_one_or_refused(given, message):
    with pytest.raises(ValueError, match=message):
        advanced(*given)
    advanced(*given, count=1)


def test_updates_of_two_devices_are_those_of_one():
    one, two = (advanced(Own("norm", train.DEVICE_AXIS), count=n) for n in (1, 2))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_a_tree_of_several_types_is_averaged_leaf_by_leaf():
    rng = np.random.default_rng(0)
    tree = {
        "a": rng.normal(size=(4, 2, 3)).astype(np.float32),
        "b": (rng.normal(size=4).astype(np.float16), np.arange(4)),
        "c": rng.normal(size=(4, 5)).astype(np.float32),
    }
    averaged = jax.pmap(lambda t: synchrony.mean(t, "x"), axis_name="x")(tree)
    plain = jax.pmap(lambda t: jax.lax.pmean(t, "x"), axis_name="x")(tree)
    for found, expected in zip(*map(jax.tree.leaves, (averaged, plain)), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (models.MLP(num_classes=2, widths=(4,), batch_norm=True), 1),
        (models.MLP(num_classes=2, widths=(4,), batch_norm=True, ghost_size=1), 16),
        (Own("norm"), 1),
    ],
    ids=["ours", "ghost", "own"],
)
def test_batch_norm_of_one_value_a_channel_is_refused(model, size):
    # pytorch/pytorch#4534: the value less itself is zero, whatever the input.
    with pytest.raises(ValueError, match="BatchNorm_0 is .* with one value a channel"):
        train.train(model, optax.sgd(0.1), (X, Y), steps=1, batch_size=size)
