"""m-sharpness: a perturbation for every m examples, however many devices there are."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from lec7 import losses, models, train, update_rules
from lec7.train import feed
from lec7.train import state as states
from lec7.train import step as steps

SHAPE, CLASSES, WIDTH, BATCH = (4,), 3, 6, 8
RHO = 0.5
make_rule = functools.partial(update_rules.sharpness_aware, rho=RHO)


def examples(count=BATCH):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, *SHAPE)).astype(np.float32)
    return images, rng.integers(CLASSES, size=count).astype(np.int32)


def network(**options):
    return models.MLP(
        num_classes=CLASSES, widths=(WIDTH,), activation=jnp.tanh, **options
    )


noisy = functools.partial(network, batch_norm=True, dropout=0.3)


def create(model, rule):
    def initialise(key):
        return models.initialise(model, key, SHAPE)

    return states.create(initialise, rule, seed=0)


def one_step(model, rule, *, m, batch=None):
    step = jax.jit(train.make_step(model, rule, losses.cross_entropy, m=m))
    before = create(model, rule)
    after, metrics = step(before, examples() if batch is None else batch)
    return before.params, after, metrics


def moved(before, after):
    """Return the gradient that `optax.sgd(1.0)` descended by."""
    return optax.tree.sub(before, after.params)


def gradient_of(model):
    @jax.jit
    def gradient(params, images, labels):
        def loss(params):
            logits = model.apply({"params": params}, images, train=True)
            return jnp.mean(losses.cross_entropy(logits, labels))

        return jax.grad(loss)(params)

    return gradient


@pytest.mark.parametrize("m", [1, 2])
def test_each_sub_batch_is_perturbed_by_its_own_gradient(m):
    model = network()
    before, after, _ = one_step(model, make_rule(optax.sgd(1.0)), m=m)
    gradient, (images, labels) = gradient_of(model), examples()
    total = optax.tree.zeros_like(before)
    for start in range(0, BATCH, m):
        part = images[start : start + m], labels[start : start + m]
        clean = gradient(before, *part)
        step = optax.tree.scale(RHO / optax.tree.norm(clean), clean)
        sharp = gradient(optax.tree.add(before, step), *part)
        total = optax.tree.add_scale(total, m / BATCH, sharp)
    chex.assert_trees_all_close(moved(before, after), total, rtol=1e-4, atol=1e-6)


def test_one_sub_batch_is_the_whole_batch():
    rule = make_rule(update_rules.momentum(0.5), adaptive=True)
    _, divided, divided_metrics = one_step(noisy(), rule, m=BATCH)
    _, whole, whole_metrics = one_step(noisy(), rule, m=None)
    chex.assert_trees_all_close(
        (divided.params, divided.batch_stats, divided_metrics),
        (whole.params, whole.batch_stats, whole_metrics),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("m", [None, 2])
def test_statistics_metrics_and_noise_are_of_the_clean_pass(m):
    _, plain, plain_metrics = one_step(noisy(), optax.sgd(1.0), m=None)
    _, sharp, sharp_metrics = one_step(noisy(), make_rule(optax.sgd(1.0)), m=m)
    chex.assert_trees_all_close(
        (sharp.batch_stats, sharp_metrics),
        (plain.batch_stats, plain_metrics),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("m", [None, 2])
def test_without_a_radius_the_perturbed_pass_is_the_clean_one(m):
    _, plain, _ = one_step(noisy(), optax.sgd(1.0), m=None)
    rule = update_rules.sharpness_aware(optax.sgd(1.0), rho=0.0)
    _, sharp, _ = one_step(noisy(), rule, m=m)
    chex.assert_trees_all_close(sharp.params, plain.params, rtol=1e-4, atol=1e-6)


def joint_loss(copies, images, labels):
    """Mean loss of sub-batches [S, m] whose copies [S] share BatchNorm's statistics."""
    x = jnp.einsum("smd,sdw->smw", images, copies["Dense_0"]["kernel"])
    mean = jnp.mean(x, axis=(0, 1), keepdims=True)
    x = (x - mean) / jnp.sqrt(jnp.mean((x - mean) ** 2, (0, 1), keepdims=True) + 1e-5)
    norm, head = copies["BatchNorm_0"], copies["head"]
    x = jnp.tanh(x * norm["scale"][:, None] + norm["bias"][:, None])
    logits = jnp.einsum("smw,swk->smk", x, head["kernel"]) + head["bias"][:, None]
    return jnp.mean(jax.vmap(losses.cross_entropy)(logits, labels))


def test_batch_norm_ties_the_copies_of_the_sub_batches():
    m, parts = 2, BATCH // 2
    model = network(batch_norm=True)
    before, after, _ = one_step(model, make_rule(optax.sgd(1.0)), m=m)
    images, labels = (leaf.reshape(parts, m, *leaf.shape[1:]) for leaf in examples())
    gradient = jax.jit(jax.grad(joint_loss))
    copies = jax.tree.map(lambda leaf: jnp.stack([leaf] * parts), before)
    clean = gradient(copies, images, labels)
    scales = RHO / jax.vmap(optax.tree.norm)(clean)
    perturbed = jax.vmap(lambda copy, scale, g: optax.tree.add_scale(copy, scale, g))(
        copies, scales, clean
    )
    sharp = gradient(perturbed, images, labels)
    expected = jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), sharp)
    chex.assert_trees_all_close(moved(before, after), expected, rtol=1e-4, atol=1e-6)


@functools.cache
def trained(name, num_devices):
    """Return a population after three steps with dropout and BatchNorm, and metrics."""
    rule, m = {
        "sam": (make_rule(update_rules.momentum(0.2)), None),
        "m-sam": (make_rule(update_rules.momentum(0.2)), 2),
    }[name]
    model = noisy(axis_name=steps.DEVICE_AXIS)
    step = train.make_step(
        model, rule, losses.cross_entropy, axis_name=steps.DEVICE_AXIS, m=m
    )
    devices = jax.devices()[:num_devices]
    batches = feed.from_arrays(*examples(32), seeds=(0, 1), batch_size=BATCH)
    state = states.initial_population(
        lambda key: models.initialise(model, key, SHAPE), rule, (0, 1)
    )
    advance = train.make_advance(step, batches.fetch, devices)
    state, metrics = advance(
        steps.place(state, devices),
        steps.place(batches.data, devices),
        feed.divide(batches.slots(0, 3), num_devices),
        np.ones(2, bool),
    )
    return jax.device_get((state.params, state.batch_stats, state.opt_state, metrics))


@pytest.mark.parametrize("num_devices", [pytest.param(2, marks=pytest.mark.slow), 4])
@pytest.mark.parametrize("name", [pytest.param("sam", marks=pytest.mark.slow), "m-sam"])
def test_the_number_of_devices_changes_nothing(name, num_devices):
    chex.assert_trees_all_close(
        trained(name, num_devices), trained(name, 1), rtol=2e-4, atol=2e-6
    )


def test_the_size_of_a_sub_batch_does_change_something():
    small, whole = (trained(name, 1)[0]["head"]["kernel"] for name in ("m-sam", "sam"))
    assert np.max(np.abs(small - whole)) > 1e-3


def test_a_sub_batch_that_does_not_divide_the_batch_is_refused():
    with pytest.raises(ValueError, match="m is 3; expected a divisor of 8"):
        one_step(network(), make_rule(optax.sgd(1.0)), m=3)


def test_a_sub_batch_without_examples_is_refused():
    with pytest.raises(ValueError, match="m is 0; expected 1 or more"):
        train.make_step(network(), optax.sgd(1.0), losses.cross_entropy, m=0)


def test_a_model_that_cannot_see_sub_batches_is_refused():
    class Blind(nn.Module):
        pass

    with pytest.raises(ValueError, match="Blind has no field `axis_name`"):
        train.make_step(Blind(), optax.sgd(1.0), losses.cross_entropy, m=2)
