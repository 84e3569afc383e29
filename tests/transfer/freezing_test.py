"""What is frozen stays, bit by bit, and the rest trains as if it were alone."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from lec7 import losses, models, train, transfer, update_rules
from lec7.train import state as states

SHAPE = (2, 3, 1)
FIRST = "_0/"
NOT_HEAD = transfer.all_but(transfer.HEAD)
RULES = {
    "momentum": optax.chain(update_rules.l2_in_loss(0.1), update_rules.momentum(0.1)),
    "adam": optax.chain(
        update_rules.adam(0.01), update_rules.decoupled_decay(0.01, 0.1)
    ),
}


def network(dropout=0.2):
    return models.MLP(num_classes=3, widths=(5, 4), batch_norm=True, dropout=dropout)


def examples(count=16):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, *SHAPE)).astype(np.float32)
    return images, rng.integers(3, size=count).astype(np.int32)


@functools.cache
def initial(seed=0, batch_norm=True):
    model = network().clone(batch_norm=batch_norm)
    initialise = jax.jit(lambda key: models.initialise(model, key, SHAPE))
    return initialise(jax.random.key(seed))


def start(rule, **options):
    return states.create(lambda key: initial(**options), rule, 0)


def advance(model, rule, state, steps=3, batch=None, **options):
    step = jax.jit(train.make_step(model, rule, losses.cross_entropy, **options))
    for _ in range(steps):
        state, metrics = step(state, batch or examples())
    return state, metrics


@pytest.mark.parametrize("rule", RULES)
def test_frozen_leaves_and_their_statistics_stay_bit_by_bit(rule):
    rule = transfer.freeze(RULES[rule], FIRST)
    before = start(rule)
    kernel = before.params["Dense_0"]["kernel"].at[0].set(-0.0)
    before = before.replace(params=before.params | {"Dense_0": {"kernel": kernel}})
    after, metrics = advance(transfer.Frozen(network(), FIRST), rule, before)
    for collection in ("params", "batch_stats"):
        old, new = before.variables[collection], after.variables[collection]
        for name in old:
            same = jax.tree.map(equal_bits, old[name], new[name])
            frozen = name.endswith("_0")
            assert set(jax.tree.leaves(same)) == {frozen}, (collection, name)
    assert metrics["gradient_norm"] > 0


def equal_bits(a, b):
    return a.tobytes() == b.tobytes()


def test_a_rule_holds_no_state_for_frozen_leaves():
    params = start(optax.sgd(1.0)).params
    state = transfer.freeze(optax.trace(0.9), NOT_HEAD).init(params)
    shapes = [leaf.shape for leaf in jax.tree.leaves(state)]
    assert shapes == [leaf.shape for leaf in jax.tree.leaves(params["head"])]


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_the_gradients_of_frozen_layers_are_exactly_zero_when_stopped(stop_gradient):
    model = transfer.Frozen(network(), NOT_HEAD, stop_gradient=stop_gradient)
    before = start(optax.sgd(1.0))
    after, metrics = advance(model, optax.sgd(1.0), before, steps=1)
    moved = jax.tree.map(lambda a, b: a - b, before.params, after.params)
    np.testing.assert_allclose(
        metrics["gradient_norm"], optax.tree.norm(moved), rtol=1e-5
    )
    assert all((leaf != 0).any() for leaf in jax.tree.leaves(moved.pop("head")))
    for leaf in jax.tree.leaves(moved):
        assert bool((leaf == 0).all()) == stop_gradient


def test_frozen_features_do_not_depend_on_the_other_examples_of_a_batch():
    model = network(dropout=0.0)
    variables = start(optax.sgd(1.0)).variables
    images, _ = examples()

    def logits(model, x):
        apply = jax.jit(
            lambda v: model.apply(v, x, train=True, mutable=["batch_stats"])
        )
        return apply(variables)[0]

    frozen = transfer.Frozen(model, NOT_HEAD)
    in_test = jax.jit(lambda v: model.apply(v, images, train=False))(variables)
    chex.assert_trees_all_close(logits(frozen, images), in_test, rtol=1e-6)
    chex.assert_trees_all_close(logits(frozen, images[:2]), in_test[:2], rtol=1e-5)
    assert not np.allclose(logits(model, images)[:2], logits(model, images[:2]))


def test_batch_norm_trains_on_as_long_as_one_of_its_parameters_does():
    pattern = "kernel$|scale$"
    rule = transfer.freeze(optax.sgd(0.0), pattern)
    frozen, _ = advance(transfer.Frozen(network(), pattern), rule, start(rule), 1)
    plain, _ = advance(network(), optax.sgd(0.0), start(optax.sgd(0.0)), 1)
    chex.assert_trees_all_close(frozen.batch_stats, plain.batch_stats, rtol=1e-6)


class Own(nn.Module):
    """BatchNorm as Flax's guide has it: told when it is called what it is to do."""

    by_position: bool = False
    affine: bool = True

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dense(4, name="body")(x)
        norm = nn.BatchNorm(
            use_bias=self.affine, use_scale=self.affine, name="body_norm"
        )
        if self.by_position:
            x = norm(x, not train)
        else:
            x = norm(x, use_running_average=not train)
        return nn.Dense(3, name="head")(nn.relu(x))


class Block(nn.Module):
    """A layer without parameters within one that has some."""

    @nn.compact
    def __call__(self, x, *, train):
        norm = nn.BatchNorm(not train, use_bias=False, use_scale=False)
        return nn.Dense(3)(norm(nn.Dense(4)(x)))


class Deep(nn.Module):
    """Such a layer inside."""

    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dense(3, name="head")(Block(name="body")(x, train=train))


@pytest.mark.parametrize(
    ("model", "pattern", "frozen"),
    [
        (Own(), "^body", True),
        (Own(by_position=True), "^body", True),
        (Own(affine=False), "^body", True),
        (Own(affine=False), NOT_HEAD, True),
        (Deep(), "^body/", True),
        (Deep(), "^body/Dense_[01]/(kernel|bias)$", True),
        (Own(), "^body/", False),
        (Own(affine=False), "^body/", False),
        (Deep(), "^body/Dense_0", False),
        (Deep(), "^head", False),
    ],
)
def test_batch_norm_is_frozen_by_argument_as_by_field(model, pattern, frozen):
    # keras-team/keras#7085, #9965; ultralytics/ultralytics#8753.
    x = jax.random.normal(jax.random.key(0), (8, 6))
    variables = model.init(jax.random.key(1), x, train=False)
    outputs, after = transfer.Frozen(model, pattern).apply(
        variables, x, train=True, mutable=["batch_stats"]
    )
    same = jax.tree.map(equal_bits, variables["batch_stats"], after["batch_stats"])
    assert set(jax.tree.leaves(same)) == {frozen}
    expected = model.apply(variables, x, train=False)
    assert np.allclose(outputs, expected, rtol=1e-5) == frozen


def test_a_pattern_that_matches_nothing_is_refused_by_rule_and_network():
    params = start(optax.sgd(1.0)).params
    with pytest.raises(ValueError, match="'Danse', which matches none of"):
        transfer.freeze(optax.sgd(1.0), "Danse").init(params)
    with pytest.raises(ValueError, match="'Danse', which matches none of"):
        transfer.Frozen(network(), "Danse").apply({"params": params}, examples()[0])


def test_a_restored_state_trains_on_as_if_it_had_not_been_saved(tmp_path):
    rule = transfer.rates_by_path(RULES["adam"])
    rule = transfer.unfreeze_in_stages(rule, {transfer.HEAD: 0, "": 4})
    rule = transfer.freeze(rule, FIRST)
    model = transfer.Frozen(network(), FIRST)
    step = jax.jit(train.make_step(model, rule, losses.cross_entropy))
    initial = state = start(rule)
    for i in range(6):
        if i == 3:
            train.save(tmp_path, state, step=3)
            restored = train.restore_latest(tmp_path, initial)
        if i >= 3:
            restored, _ = step(restored, examples())
        state, _ = step(state, examples())
    chex.assert_trees_all_equal(
        *(s.replace(key=jax.random.key_data(s.key)) for s in (state, restored))
    )


@pytest.mark.parametrize(
    ("rule", "m"),
    [
        (update_rules.nesterov_lookahead(0.1), None),
        (update_rules.sharpness_aware(update_rules.sgd(0.1), rho=0.5), 4),
    ],
    ids=["lookahead", "m_sharpness"],
)
@pytest.mark.usefixtures("float64")
def test_training_the_head_is_training_a_linear_classifier_on_the_features(rule, m):
    whole = network(dropout=0.0).clone(batch_norm=False)
    frozen = transfer.freeze(rule, NOT_HEAD)
    state = in_float64(start(frozen, batch_norm=False))
    found, metrics = advance(
        transfer.Frozen(whole, NOT_HEAD), frozen, state, 2, batch=examples(), m=m
    )

    images, labels = examples()
    features = images.reshape(len(images), -1)
    for name in ("Dense_0", "Dense_1"):
        layer = state.params[name]
        features = jax.nn.relu(features @ layer["kernel"] + layer["bias"][None])
    head = {"head": state.params["head"]}
    alone = state.replace(params=head, opt_state=rule.init(head))
    linear = models.MLP(num_classes=3, widths=())
    batch = (features, labels)
    expected, alike = advance(linear, rule, alone, 2, batch=batch, m=m)
    chex.assert_trees_all_close(found.params["head"], expected.params["head"])
    chex.assert_trees_all_close(metrics, alike)


def in_float64(state):
    def wide(leaf):
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(jnp.float64) if floating else leaf

    return jax.tree.map(wide, state)


@pytest.mark.usefixtures("float64")
def test_training_the_head_alone_is_convex():
    """Cross-entropy is convex in the logits, and these are linear in the head."""
    model = network(dropout=0.0)
    rule = transfer.freeze(update_rules.lbfgs(), NOT_HEAD)
    first, other = (start(rule, seed=seed) for seed in (0, 1))
    other = transfer.replace_head(first, other)
    step = train.make_step(transfer.Frozen(model, NOT_HEAD), rule, losses.cross_entropy)

    @jax.jit
    def train_on(state):
        return jax.lax.scan(lambda s, _: step(s, examples(64)), state, None, 100)[1]

    ends = [train_on(in_float64(state)) for state in (first, other)]
    assert abs(ends[0]["loss"][0] - ends[1]["loss"][0]) > 0.1
    assert abs(ends[0]["loss"][-1] - ends[1]["loss"][-1]) < 1e-6
    for end in ends:
        assert end["gradient_norm"][-1] < 1e-4
        assert end["loss"][-1] > 0.1  # a minimum, and not zero at infinity
