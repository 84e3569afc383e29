"""On several devices a training is the same, or refused.

google/flax#319: without an axis, BatchNorm has the statistics of one device.
"""

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn

from lec7 import losses, models, train

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
