"""A clip bounds the gradient of the whole batch, on however many devices that lies."""

import jax
import numpy as np
import optax
import pytest

from lec7 import losses, models, train, update_rules
from lec7.train import feed
from lec7.train import state as states
from lec7.train import step as steps

BOUND = 1e-3


def length_of_one_step(rule, num_devices):
    """The norm of the first update, of a network without hidden layers."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(8, 3)).astype(np.float32)
    batches = feed.from_arrays(
        images, np.arange(8, dtype=np.int32) % 2, seeds=(0,), batch_size=8
    )
    model = models.MLP(num_classes=2, widths=(), axis_name=steps.DEVICE_AXIS)
    before = states.initial_population(
        lambda key: models.initialise(model, key, (3,)), rule, (0,)
    )
    step = train.make_step(
        model, rule, losses.cross_entropy, axis_name=steps.DEVICE_AXIS
    )
    devices = jax.devices()[:num_devices]
    advance = train.make_advance(step, batches.fetch, devices)
    start = jax.device_get(before.params)
    after, _ = advance(
        steps.place(before, devices),
        steps.place(batches.data, devices),
        feed.divide(batches.slots(0, 1), num_devices),
        np.ones(1, bool),
    )
    return optax.tree.norm(optax.tree.sub(jax.device_get(after.params), start))


@pytest.mark.parametrize("num_devices", [1, 4])
@pytest.mark.parametrize("perturbed", [False, True])
def test_an_update_on_any_devices_is_as_long_as_the_clip_allows(num_devices, perturbed):
    rule = optax.chain(optax.clip_by_global_norm(BOUND), update_rules.sgd(1.0))
    if perturbed:
        rule = update_rules.sharpness_aware(rule, rho=0.1)
    # Clips of the parts, averaged, would be shorter: the parts disagree.
    actual = length_of_one_step(rule, num_devices)
    np.testing.assert_allclose(actual, BOUND, rtol=2e-3)
