"""Refitted BatchNorm statistics are those of the whole training set at once."""

import functools
from collections.abc import Callable

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import losses, models, train, update_rules
from lec7.train import state as states

pytestmark = pytest.mark.usefixtures("float64")

SHAPE = (4, 4, 1)
SIZES = (13, 13, 7)  # The last batch is short, as in most epochs.
EPSILON = 1e-5


class Branches(nn.Module):
    """Two BatchNorm layers side by side, and one above them."""

    @nn.compact
    def __call__(self, x, *, train):
        def norm(x):
            return models.BatchNorm(use_running_average=not train)(x)

        x = x.reshape(x.shape[0], -1)
        x = nn.tanh(norm(nn.Dense(5)(x))) * nn.relu(norm(nn.Dense(5)(x)))
        return norm(nn.Dense(3)(x))


class Twice(nn.Module):
    """One BatchNorm layer with two inputs."""

    @nn.compact
    def __call__(self, x, *, train):
        norm = models.BatchNorm(use_running_average=not train)
        return norm(norm(x) + 1)


MODELS = {
    "MLP": models.MLP(num_classes=3, widths=(6, 5), batch_norm=True, dropout=0.5),
    "ConvNet": models.ConvNet(num_classes=3, channels=(4,), dense=(5,)),
    "branches": Branches(),
    "mapped over devices": models.MLP(
        num_classes=3, widths=(6,), batch_norm=True, axis_name="devices"
    ),
}


def examples():
    rng = np.random.default_rng(0)
    # Sorted by brightness, so that batches differ from each other.
    images = np.sort(rng.normal(size=sum(SIZES))).reshape(-1, 1, 1, 1)
    images = images + rng.normal(size=(sum(SIZES), *SHAPE))
    return images, rng.integers(3, size=sum(SIZES)).astype(np.int32)


def batches():
    images, labels = examples()
    ends = np.cumsum(SIZES)[:-1]
    return list(zip(np.split(images, ends), np.split(labels, ends), strict=True))


@functools.cache
def initial(model, seed=0, dtype="float64"):
    """Variables of which no parameter is zero, and no statistic right."""
    variables = models.initialise(model, jax.random.key(seed), SHAPE)
    rng = np.random.default_rng(seed)

    def perturb(leaf):
        return jnp.asarray(leaf + 0.3 * rng.uniform(size=leaf.shape), dtype)

    return jax.tree.map(perturb, variables)


@functools.partial(jax.jit, static_argnums=0)
def in_training(model, variables, images):
    """Logits and statistics r_B of one noiseless training batch.

    The running statistics of such a pass are r <- .9 r + .1 r_B.
    """
    if isinstance(model, models.MLP):
        model = model.clone(dropout=0.0, axis_name=None)
    logits, updated = model.apply(variables, images, train=True, mutable="batch_stats")
    batch_stats = jax.tree.map(
        lambda new, old: (new - 0.9 * old) / 0.1,
        updated["batch_stats"],
        variables["batch_stats"],
    )
    return logits, batch_stats


@pytest.mark.parametrize("name", MODELS)
def test_the_statistics_are_those_of_one_batch_of_all_examples(name):
    model = MODELS[name]
    variables = initial(model)
    refitted = train.refit_batch_stats(model, variables, batches())
    _, expected = in_training(model, variables, examples()[0])
    chex.assert_trees_all_close(refitted["batch_stats"], expected, rtol=1e-9, atol=1e-9)


def test_the_statistics_are_those_of_the_slow_way_layer_by_layer():
    model = MODELS["MLP"]
    variables = initial(model)
    refitted = train.refit_batch_stats(model, variables, batches())
    x = examples()[0].reshape(sum(SIZES), -1)
    params = jax.device_get(variables["params"])
    for i in range(2):
        x = x @ params[f"Dense_{i}"]["kernel"]
        found = refitted["batch_stats"][f"BatchNorm_{i}"]
        np.testing.assert_allclose(found["mean"], x.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(found["var"], x.var(axis=0), rtol=1e-12)
        norm = params[f"BatchNorm_{i}"]
        x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + EPSILON)
        x = np.maximum(x * norm["scale"] + norm["bias"], 0)


def test_the_customary_mean_of_batch_statistics_is_something_else():
    model = MODELS["MLP"]
    variables = initial(model)
    exact = train.refit_batch_stats(model, variables, batches())["batch_stats"]
    each = [in_training(model, variables, x)[1] for x, _ in batches()]
    customary = jax.tree.map(
        lambda *leaves: np.average(leaves, axis=0, weights=SIZES), *each
    )
    first, second = "BatchNorm_0", "BatchNorm_1"
    # In the first layer the means agree, and the variances lack that of the means.
    np.testing.assert_allclose(customary[first]["mean"], exact[first]["mean"])
    means = [statistics[first]["mean"] for statistics in each]
    missing = np.average(
        (means - np.asarray(exact[first]["mean"])) ** 2, axis=0, weights=SIZES
    )
    np.testing.assert_allclose(customary[first]["var"] + missing, exact[first]["var"])
    assert np.max(missing / exact[first]["var"]) > 0.1
    # Above it even the means are those of inputs that were normalised otherwise.
    assert np.max(np.abs(customary[second]["mean"] - exact[second]["mean"])) > 0.01


@pytest.mark.parametrize("name", MODELS)
def test_neither_batches_nor_earlier_statistics_matter(name):
    model, variables = MODELS[name], initial(MODELS[name])
    images, labels = examples()
    one = train.refit_batch_stats(model, variables, [(images, labels)])
    other = variables | {"batch_stats": optax.tree.full_like(one["batch_stats"], 7.0)}
    many = train.refit_batch_stats(model, other, batches())
    chex.assert_trees_all_close(one, many, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_a_second_refit_changes_no_bit_and_parameters_never_change(name):
    model, variables = MODELS[name], initial(MODELS[name])
    once = train.refit_batch_stats(model, variables, batches())
    again = train.refit_batch_stats(model, once, batches())
    chex.assert_trees_all_equal(once, again)
    chex.assert_trees_all_equal(once["params"], variables["params"])
    chex.assert_trees_all_equal_dtypes(once, variables)


@pytest.mark.parametrize(("name", "passes"), [("MLP", 2), ("branches", 3)])
def test_the_batches_are_walked_once_for_each_layer_at_most(name, passes):
    class Counted(list):
        walks = 0

        def __iter__(self):
            self.walks += 1
            return super().__iter__()

    counted = Counted(batches())
    variables = initial(MODELS[name])
    refitted = train.refit_batch_stats(MODELS[name], variables, counted)
    assert counted.walks == passes
    if name == "branches":  # Where nothing is above nothing is left to do.
        train.refit_batch_stats(MODELS[name], refitted, counted)
        assert counted.walks == passes + 1


def test_a_large_mean_does_not_cost_the_variance_its_digits():
    model = MODELS["MLP"]
    variables = initial(model, dtype="float32")
    kernel = variables["params"]["Dense_0"]["kernel"]
    shifted = [((x + 300).astype(np.float32), labels) for x, labels in batches()]
    found = train.refit_batch_stats(model, variables, shifted)["batch_stats"]
    images = np.concatenate([x for x, _ in shifted]).reshape(sum(SIZES), -1)
    exact = images.astype(np.float64) @ np.asarray(kernel, np.float64)
    np.testing.assert_allclose(found["BatchNorm_0"]["var"], exact.var(0), rtol=1e-3)


def test_an_averaged_network_tests_as_it_trains_after_a_refit_alone():
    model = models.MLP(num_classes=3, widths=(6,), batch_norm=True)
    rule = optax.chain(
        update_rules.sgd(0.5), update_rules.stochastic_weight_average(10, 5)
    )
    state = states.create(lambda key: initial(model), rule, 0)
    step = jax.jit(train.make_step(model, rule, losses.cross_entropy))
    images, labels = examples()
    for _ in range(40):
        state, _ = step(state, (images, labels))
    averaged = {
        "params": update_rules.averaged_params(state.opt_state),
        "batch_stats": state.batch_stats,
    }
    wanted, _ = in_training(model, averaged, images)
    latest = model.apply(averaged, images, train=False)
    refitted = train.refit_batch_stats(model, averaged, batches())
    tested = model.apply(refitted, images, train=False)
    np.testing.assert_allclose(tested, wanted, atol=1e-9)
    assert np.max(np.abs(latest - wanted)) > 0.05


def test_between_two_networks_interpolated_statistics_are_not_the_right_ones():
    model = MODELS["MLP"]
    ends = [
        train.refit_batch_stats(model, initial(model, seed), batches())
        for seed in (0, 1)
    ]
    middle = jax.tree.map(lambda a, b: (a + b) / 2, *ends)
    refitted = train.refit_batch_stats(model, middle, batches())
    _, expected = in_training(model, middle, examples()[0])
    chex.assert_trees_all_close(refitted["batch_stats"], expected, rtol=1e-9, atol=1e-9)
    one, other = (tree["batch_stats"]["BatchNorm_0"] for tree in (middle, refitted))
    # Means are linear in the weights of the first layer, variances are not.
    np.testing.assert_allclose(one["mean"], other["mean"], atol=1e-12)
    assert np.max(np.abs(one["var"] / other["var"] - 1)) > 0.1


def test_without_batch_norm_nothing_is_to_be_done():
    model = models.MLP(num_classes=3, widths=(6,))
    variables = models.initialise(model, jax.random.key(0), SHAPE)
    refitted = train.refit_batch_stats(model, variables, [])
    chex.assert_trees_all_equal(refitted, variables)


def test_batches_that_are_used_up_are_refused():
    model = MODELS["MLP"]
    with pytest.raises(ValueError, match="batches is empty: give a sequence"):
        train.refit_batch_stats(model, initial(model), iter(batches()))


def test_a_layer_with_two_inputs_is_refused():
    images, labels = examples()
    model = Twice()
    variables = model.init(jax.random.key(0), images, train=False)
    with pytest.raises(ValueError, match="BatchNorm_0 is called twice"):
        train.refit_batch_stats(model, variables, [(images, labels)])


class Wrapped(nn.Module):
    """Two blocks, wrapped by one of Flax's transformations."""

    wrap: Callable

    @nn.compact
    def __call__(self, x, *, train):
        for index in range(2):
            x = self.wrap(Block)(train, name=f"block_{index}")(x)
        return x


class Block(nn.Module):
    train: bool

    @nn.compact
    def __call__(self, x):
        norm = models.BatchNorm(use_running_average=not self.train)
        return nn.relu(norm(nn.Dense(3)(x)))


def stacked(block):
    axes = {"params": 0, "batch_stats": 0}
    split = {"params": True}
    return nn.vmap(block, axes, split, in_axes=None, axis_size=2)


def wrapped(wrap):
    x = jax.random.normal(jax.random.key(1), (6, 3))
    model = Wrapped(wrap)
    return model, model.init(jax.random.key(0), x, train=False), [(x, None)]


@pytest.mark.parametrize("wrap", [nn.remat, nn.jit])
def test_layers_that_are_rematerialised_or_compiled_are_measured(wrap):
    model, *given = wrapped(wrap)
    found, plain = (
        train.refit_batch_stats(model, *given)["batch_stats"]
        for model in (model, Wrapped(lambda block: block))
    )
    chex.assert_trees_all_close(found, plain, rtol=1e-5, atol=1e-7)


def test_statistics_that_are_stacked_are_refused_as_such():
    model, variables, batches = wrapped(stacked)
    with pytest.raises(ValueError, match="BatchNorm_0 lies in nn.scan or nn.vmap"):
        train.refit_batch_stats(model, variables, batches)


def test_batches_without_labels_are_named():
    model, variables, [(x, _)] = wrapped(nn.remat)
    with pytest.raises(ValueError, match=r"batch 0 .*\(6, 3\).* a pair \(images, labe"):
        train.refit_batch_stats(model, variables, [x])
