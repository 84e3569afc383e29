"""A step on augmented batches: one augmentation a step, whatever a rule evaluates."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import data, losses, models, randomness, train, update_rules
from lec7.data import augment
from lec7.train import feed
from lec7.train import state as states
from lec7.train import step as steps

SHAPE, CLASSES, BATCH = (6, 6, 3), 3, 8
CROP_AND_MIX = augment.compose(
    augment.random_crop(6, padding=1), mix=augment.mixup(1.0, num_classes=CLASSES)
)


def examples(count=BATCH):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, *SHAPE)).astype(np.float32)
    return images, rng.integers(CLASSES, size=count).astype(np.int32)


def network(**options):
    return models.MLP(num_classes=CLASSES, widths=(4,), **options)


def mix_with_noise(keys, images, labels):
    noise = jax.vmap(lambda key: jax.random.normal(key, SHAPE))(keys)
    weights = jax.vmap(jax.random.uniform)(keys)[:, None]
    onehot = jax.nn.one_hot(labels, CLASSES)
    return images + noise, weights * onehot + (1 - weights) * onehot[::-1]


def start(model, rule):
    return states.create(lambda key: models.initialise(model, key, SHAPE), rule, seed=0)


def value_times_gradient():
    """A rule that evaluates the objective anew."""

    def update(updates, state, params, *, value_fn, grad_fn, **extra_args):
        del updates, extra_args
        return optax.tree.scale(value_fn(params), grad_fn(params)), state

    return optax.GradientTransformationExtraArgs(lambda _: (), update)


RULES = {
    "m-sam": (update_rules.sharpness_aware(optax.sgd(0.1), rho=0.5), 2),
    "value times gradient": (value_times_gradient(), None),
}


@pytest.mark.parametrize("name", RULES)
def test_all_evaluations_of_a_step_see_one_augmentation(name):
    (rule, m), model, batch = RULES[name], network(), examples()
    state = start(model, rule)

    def after(batch, **options):
        step = train.make_step(model, rule, losses.cross_entropy, m=m, **options)
        state_after, metrics = jax.jit(step)(state, batch)
        return state_after.params, metrics

    key = train.step_keys(state.key, 0)["augment"]
    by_hand = mix_with_noise(randomness.example_keys(key, BATCH), *batch)
    chex.assert_trees_all_close(
        after(batch, augment=mix_with_noise), after(by_hand), rtol=1e-4, atol=1e-6
    )


@pytest.mark.slow
def test_the_number_of_devices_does_not_change_an_augmented_training():
    model = network(axis_name=steps.DEVICE_AXIS)
    rule = update_rules.momentum(0.1)
    step = train.make_step(
        model,
        rule,
        losses.cross_entropy,
        axis_name=steps.DEVICE_AXIS,
        augment=CROP_AND_MIX,
    )
    batches = feed.from_arrays(*examples(32), seeds=(0, 1), batch_size=BATCH)
    found = []
    for count in (1, 4):
        devices = jax.devices()[:count]
        state = states.initial_population(
            lambda key: models.initialise(model, key, SHAPE), rule, (0, 1)
        )
        state, metrics = train.make_advance(step, batches.fetch, devices)(
            steps.place(state, devices),
            steps.place(batches.data, devices),
            feed.divide(batches.slots(0, 3), count),
            np.ones(2, bool),
        )
        found.append(jax.device_get((state.params, metrics)))
    chex.assert_trees_all_close(*found, rtol=2e-4, atol=2e-6)


def test_every_step_augments_anew_in_one_compilation():
    calls = []

    def counted(*batch):
        calls.append(1)
        return mix_with_noise(*batch)

    rule = optax.sgd(0.0)
    step = train.make_step(network(), rule, losses.cross_entropy, augment=counted)
    step, state, seen = jax.jit(step), start(network(), rule), []
    for _ in range(3):
        state, metrics = step(state, examples())
        seen.append(float(metrics["loss"]))
    assert len(set(seen)) == 3 and len(calls) == 1


def test_a_population_trains_on_augmented_batches_and_is_evaluated_on_others():
    model = network(axis_name=steps.DEVICE_AXIS)
    split = data.Split(*examples())
    population = train.train(
        model,
        optax.sgd(0.0),
        data.Dataset("noise", CLASSES, split, split, split),
        initialise=lambda key: models.initialise(model, key, SHAPE),
        batch_size=BATCH,
        steps=1,
        augment=lambda keys, images, labels: (jnp.zeros_like(images), labels),
    )
    logits = model.apply(population.member(0), split.images, train=False)
    expected = losses.cross_entropy(logits, jnp.asarray(split.labels)).mean()
    np.testing.assert_allclose(population.history["loss"], np.log(CLASSES), rtol=1e-6)
    np.testing.assert_allclose(population.final["train_loss"], expected, rtol=1e-5)
