"""The step equals a plain update, and its wrappers do not change what it computes."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import data, losses, models, train, update_rules
from lec7.train import feed
from lec7.train import state as states
from lec7.train import step as steps

SHAPE = (4, 4, 1)
RULES = {
    "sgd": update_rules.sgd(0.1),
    "momentum": update_rules.momentum(0.1),
    "nesterov": update_rules.nesterov(0.1),
    "nesterov_lookahead": update_rules.nesterov_lookahead(0.1),
    "adagrad": update_rules.adagrad(0.1),
    "rmsprop": update_rules.rmsprop(0.01),
    "adam": update_rules.adam(0.01),
    "lbfgs": update_rules.lbfgs(memory_size=2),
    "adam_averaged": optax.chain(
        update_rules.adam(0.01), update_rules.polyak_average(0.9)
    ),
}
QUICK = ("nesterov_lookahead", "lbfgs", "adam_averaged")  # of each kind of rule


def examples(count=32, classes=3):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, *SHAPE)).astype(np.float32)
    return images, rng.integers(classes, size=count).astype(np.int32)


def tiny_mlp(axis_name=None, **options):
    return models.MLP(num_classes=3, widths=(8,), axis_name=axis_name, **options)


def tiny_convnet(axis_name=None):
    return models.ConvNet(
        num_classes=3, channels=(4,), dense=(8,), dropout=0.2, axis_name=axis_name
    )


def make_population(model, rule, seeds=(0, 1), shape=SHAPE):
    def initialise(key):
        return models.initialise(model, key, shape)

    return states.initial_population(initialise, rule, seeds)


def run(make_model, rule, num_devices, *, count=6, seeds=(0, 1)):
    """Return the population after `count` steps in dispatches of three, and metrics."""
    model = make_model(axis_name=steps.DEVICE_AXIS)
    step = train.make_step(
        model, rule, losses.cross_entropy, axis_name=steps.DEVICE_AXIS
    )
    devices = jax.devices()[:num_devices]
    batches = feed.from_arrays(*examples(), seeds=seeds, batch_size=8)
    advance = train.make_advance(step, batches.fetch, devices)
    state = steps.place(make_population(model, rule, seeds), devices)
    data = steps.place(batches.data, devices)
    active = np.ones(len(seeds), bool)
    history = []
    for start in range(0, count, 3):
        slots = feed.divide(batches.slots(start, 3), num_devices)
        state, metrics = advance(state, data, slots, active)
        history.append(jax.device_get(metrics))
    stacked = {k: np.concatenate([h[k] for h in history]) for k in history[0]}
    return jax.device_get(state), stacked


def without_key(state):
    return state.replace(key=jax.random.key_data(state.key))


def test_one_step_of_gradient_descent_is_the_gradient_of_the_mean_loss():
    model = tiny_mlp()
    state = states.create(
        lambda key: models.initialise(model, key, SHAPE), RULES["sgd"], seed=0
    )
    images, labels = examples()

    def objective(params):
        logits = model.apply({"params": params}, images, train=False)
        picked = jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels]
        return -jnp.mean(picked)

    step = jax.jit(train.make_step(model, RULES["sgd"], losses.cross_entropy))
    after, metrics = step(state, (images, labels))
    gradient = jax.grad(objective)(state.params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, gradient)
    chex.assert_trees_all_close(after.params, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(metrics["loss"], objective(state.params), rtol=1e-6)
    np.testing.assert_allclose(
        metrics["gradient_norm"], optax.tree.norm(gradient), rtol=1e-5
    )
    assert after.step == 1


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, marks=[pytest.mark.slow] * (rule not in QUICK))
        for rule in RULES
    ],
)
def test_the_number_of_devices_does_not_change_a_training(rule):
    one, one_metrics = run(tiny_mlp, RULES[rule], 1)
    four, four_metrics = run(tiny_mlp, RULES[rule], 4)
    chex.assert_trees_all_close(
        without_key(one), without_key(four), rtol=2e-4, atol=2e-6
    )
    chex.assert_trees_all_close(one_metrics, four_metrics, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("num_devices", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_batch_norm_and_dropout_do_not_depend_on_the_number_of_devices(num_devices):
    rule = update_rules.momentum(0.05)
    one, one_metrics = run(tiny_convnet, rule, 1)
    more, more_metrics = run(tiny_convnet, rule, num_devices)
    assert jax.tree.leaves(one.batch_stats)
    chex.assert_trees_all_close(
        without_key(one), without_key(more), rtol=2e-4, atol=2e-6
    )
    chex.assert_trees_all_close(one_metrics, more_metrics, rtol=2e-4, atol=2e-6)


def test_a_member_depends_on_its_own_seed_alone():
    rule = update_rules.adam(0.01)
    together, _ = run(tiny_mlp, rule, 1, seeds=(3, 7, 5))
    alone, _ = run(tiny_mlp, rule, 1, seeds=(5,))
    third = jax.tree.map(lambda leaf: leaf[2:], without_key(together))
    chex.assert_trees_all_close(third, without_key(alone), rtol=1e-5, atol=1e-7)


def test_a_member_that_has_stopped_keeps_its_state():
    rule = update_rules.adam(0.01)
    model = tiny_mlp()
    step = train.make_step(model, rule, losses.cross_entropy)
    state = make_population(model, rule)
    batches = feed.from_arrays(*examples(), seeds=(0, 1), batch_size=8)
    advance = jax.jit(steps.over_steps(jax.vmap(step), batches.fetch))
    active = np.array([True, False])
    after, _ = advance(state, batches.data, batches.slots(0, 2), active)
    first, second = (
        jax.tree.map(lambda leaf, i=i: leaf[i], without_key(after)) for i in (0, 1)
    )
    before = jax.tree.map(lambda leaf: leaf[1], without_key(state))
    chex.assert_trees_all_equal(second, before)
    assert first.step == 2


def test_a_stream_from_the_disk_feeds_the_batches_that_arrays_feed(tmp_path):
    split = data.load("digits", data_dir=tmp_path).train
    stream = data.stream("digits", "train", batch_size=8, seed=4, data_dir=tmp_path)
    model = models.MLP(num_classes=10, widths=(8,), axis_name=steps.DEVICE_AXIS)
    rule = update_rules.momentum(0.1)
    step = train.make_step(
        model, rule, losses.cross_entropy, axis_name=steps.DEVICE_AXIS
    )
    devices = jax.devices()[:2]
    finals = []
    for batches in (
        feed.from_arrays(*split, seeds=(4,), batch_size=8),
        feed.from_stream(stream.__getitem__, members=1),
    ):
        advance = train.make_advance(step, batches.fetch, devices)
        state = make_population(model, rule, (4,), split.images.shape[1:])
        slots = feed.divide(batches.slots(5, 3), 2)
        data_on_devices = steps.place(batches.data, devices)
        state, _ = advance(
            steps.place(state, devices), data_on_devices, slots, np.array([True])
        )
        finals.append(without_key(jax.device_get(state)))
    chex.assert_trees_all_close(*finals, rtol=1e-6)


def test_a_batch_that_the_devices_cannot_share_equally_is_refused():
    batches = feed.from_arrays(*examples(), seeds=(0,), batch_size=6)
    with pytest.raises(ValueError, match="batch size is 6; expected a multiple of 4"):
        feed.divide(batches.slots(0, 1), 4)


def test_a_population_needs_different_seeds():
    with pytest.raises(ValueError, match=r"seeds is \[1, 1\]"):
        make_population(tiny_mlp(), RULES["sgd"], (1, 1))


def test_statistics_are_of_the_clean_pass_when_a_rule_evaluates_elsewhere():
    model = functools.partial(tiny_mlp, batch_norm=True)()
    images, labels = examples()
    finals = {}
    for name in ("nesterov_lookahead", "sgd"):
        rule = RULES[name]
        state = states.create(
            lambda key: models.initialise(model, key, SHAPE), rule, seed=0
        )
        step = jax.jit(train.make_step(model, rule, losses.cross_entropy))
        finals[name], _ = step(state, (images, labels))
    chex.assert_trees_all_close(
        finals["nesterov_lookahead"].batch_stats, finals["sgd"].batch_stats
    )


FOREIGN = {
    "lbfgs": optax.lbfgs(),
    "clipped": optax.chain(optax.clip(1.0), optax.lbfgs()),
    "backtracking": optax.chain(
        optax.sgd(1.0), optax.scale_by_backtracking_linesearch(5)
    ),
    "zoom": optax.chain(optax.sgd(1.0), optax.scale_by_zoom_linesearch(5)),
    "sam": optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.05)),
    "opaque": optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.05), opaque_mode=True),
    "masked": optax.masked(optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.05)), True),
    "plateau": optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau()),
    "polyak": optax.polyak_sgd(),
}
SLOW = (("lbfgs", None), ("clipped", 8), ("zoom", None))  # each has its other form


@pytest.mark.parametrize(
    ("name", "m"),
    [
        pytest.param(name, m, marks=[pytest.mark.slow] * ((name, m) in SLOW))
        for name in FOREIGN
        for m in (None, 8)
    ],
)
def test_a_rule_of_optax_is_given_what_it_takes_and_no_more(name, m):
    # optax#1559, flax#4144, flax#4812.
    model = tiny_mlp()
    step = jax.jit(steps.make_step(model, FOREIGN[name], losses.cross_entropy, m=m))
    state = jax.tree.map(lambda x: x[0], make_population(model, FOREIGN[name]))
    found = []
    for _ in range(6):
        state, metrics = step(state, examples())
        found.append(metrics["loss"])
    assert np.isfinite(found).all() and found[-1] < found[0]


def test_an_error_in_a_rule_is_not_taken_for_an_argument_too_many():
    def wrong(updates, state, params, **extra):
        raise TypeError("update() got an unexpected keyword argument 'other'")

    rule = optax.GradientTransformationExtraArgs(lambda params: (), wrong)
    step = steps.make_step(tiny_mlp(), rule, losses.cross_entropy)
    state = jax.tree.map(lambda x: x[0], make_population(tiny_mlp(), rule))
    with pytest.raises(TypeError, match="'other'"):
        step(state, examples())
