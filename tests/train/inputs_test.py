"""What `train.train` is given works in every form, or is refused before it compiles."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from lec7 import data, losses, train

SEEDS = (0, 1)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 24)


class Net(nn.Module):
    """A user's network, with noise, statistics and names of its own."""

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dense(5, name="first, of two")(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        return nn.Dense(3)(nn.Dropout(0.1, deterministic=not train)(x))


def train_it(model=None, dataset=(X, Y), **given):
    model = Net() if model is None else model
    given = {"steps": 6, "batch_size": 8, "seeds": SEEDS, **given}
    return train.train(model, optax.sgd(0.1), dataset, **given)


def zeros(key):
    del key
    return jnp.zeros((4, 3))


LINEAR = (zeros, lambda kernel, x: x @ kernel)


def test_a_network_of_a_user_trains_on_arrays():
    trained = train_it(evaluate_every=2)
    assert trained.history["train_loss"].shape == (3, 2)
    assert set(trained.final) == {"train_loss", "train_accuracy"}
    assert np.ptp(trained.final["train_loss"]) > 0
    assert set(trained.variables) == {"params", "batch_stats"}


def test_a_pair_of_functions_descends_as_gradient_descent_by_hand():
    trained = train_it(LINEAR, seeds=(0,), batch_size=24)

    def loss(kernel):
        return jnp.mean(losses.cross_entropy(X @ kernel, Y))

    kernel = zeros(None)
    for _ in range(6):
        kernel = kernel - 0.1 * jax.grad(loss)(kernel)
    chex.assert_trees_all_close(trained.variables["params"][0], kernel, rtol=1e-5)


def test_a_batch_norm_of_a_user_that_knows_of_no_other_device_is_refused():
    with pytest.raises(ValueError, match="expected axis_name='devices', or one device"):
        train_it(steps=1, devices=jax.devices()[:2], seeds=(0,))


def test_a_mapping_of_splits_is_watched_and_evaluated():
    dataset = {"train": (X, Y), "mine": (X[:5], Y[:5])}
    trained = train_it(dataset=dataset, watch=("train",))
    assert "mine_loss" not in trained.history
    assert trained.final["mine_loss"].shape == (2,)


def test_a_data_set_of_ours_and_its_arrays_train_alike():
    split = data.Split(X[:, None, None], Y.astype(np.int32))
    dataset = data.Dataset("mine", 3, split, split, split)
    model = (lambda key: zeros(key), lambda kernel, x: x[:, 0, 0] @ kernel)
    one, other = train_it(model, dataset), train_it(LINEAR)
    chex.assert_trees_all_equal(one.variables, other.variables)


def test_a_stream_gives_every_member_the_batch_of_the_step():
    class Stream:
        def __getitem__(self, step):
            return X[:8] * (step + 1), Y[:8]

    trained = train_it(LINEAR, Stream())
    assert trained.final == {}
    np.testing.assert_array_equal(*trained.history["loss"].T)


def test_metrics_are_those_that_are_asked_for():
    def margin(logits, labels):
        return jnp.max(logits, axis=-1) - logits[jnp.arange(len(labels)), labels]

    trained = train_it(metrics={"margin": margin})
    assert set(trained.final) == {"train_loss", "train_margin"}
    assert "margin" in trained.history


def test_targets_of_a_regression_are_given_to_its_loss():
    def squared(outputs, targets):
        return jnp.sum((outputs - targets) ** 2, axis=-1)

    targets = X @ np.ones((4, 3), np.float32)
    trained = train_it(LINEAR, (X, targets), loss=squared, metrics={}, steps=60)
    assert np.all(trained.final["train_loss"] < 1e-3)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (
            (X, np.where(np.arange(24) == 7, -1, Y)),
            r"train labels\[7\] is -1; expected",
        ),
        ((X, np.where(np.arange(24) == 7, 3, Y)), r"labels\[7\] is 3; .* from 0 to 2"),
        ((X, Y[:, None]), r"train labels are int64\[24, 1\]; expected integers"),
        ((X, Y.astype(float)), r"train labels are float64\[24\]; expected integers"),
        ((X, Y[:-1]), "train has 24 inputs and 23 labels"),
        ((X[:0], Y[:0]), "train has 0 inputs and 0 labels"),
        ({"test": (X, Y)}, "dataset has the splits test; expected train"),
        ({"train": (X, Y), "test": (X, Y - 1)}, r"test labels\[\d+\] is -1"),
        (
            [(X[:4], Y[:4])],
            "first batch has 4 inputs and 4 labels; expected batch_size",
        ),
    ],
)
def test_examples_that_do_not_fit_are_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        train_it(dataset=dataset)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; expected a multiple of 1"),
        ({"devices": jax.devices()[:3]}, "batch_size is 8; expected a multiple of 3"),
        (
            {"loss": lambda f, y: jnp.mean(f)},
            r"loss of .* has shape \[\]; expected \[8\]",
        ),
        ({"metrics": {"up": lambda f, y: f}}, r"up of .* has shape \[8, 3\]"),
        ({"stop_loss": 0.1, "watch": ()}, "stop_loss is 0.1, which the loss on the"),
        ({"name": "../up"}, "name is '../up'; expected one plain name"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        train_it(**given)


def test_a_module_without_train_is_refused():
    with pytest.raises(TypeError, match="Dense.__call__ takes self, inputs; expected"):
        train_it(nn.Dense(3))


def test_a_model_with_other_variables_is_refused():
    class Odd(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            self.variable("cache", "seen", jnp.zeros, ())
            return nn.Dense(3)(x)

    with pytest.raises(ValueError, match="the model has variables cache; expected"):
        train_it(Odd())


def test_a_folder_of_another_training_is_refused(tmp_path):
    again = functools.partial(train_it, LINEAR, folder=tmp_path)
    first = again()
    chex.assert_trees_all_equal(again().variables, first.variables)
    for changed, message in (
        ({"dataset": (X + 1, Y)}, "its data differs"),
        ({"seeds": (0, 2)}, r"its seeds differs \(\[0, 1\]; expected \[0, 2\]\)"),
        ({"batch_size": 4}, "its batch_size differs"),
        ({"resume": False}, "resume is False"),
    ):
        with pytest.raises(train.CheckpointError, match=message):
            again(**changed)
    chex.assert_trees_all_equal(again().variables, first.variables)


@pytest.mark.parametrize("absent", [None, (X[:0], Y[:0])], ids=["none", "empty"])
def test_a_split_that_is_absent_is_not_evaluated(absent):
    trained = train_it(dataset={"train": (X, Y), "validation": absent, "test": absent})
    assert set(trained.final) == {"train_loss", "train_accuracy"}


def test_a_data_set_of_ours_may_have_no_other_split_than_train():
    images = RNG.normal(size=(24, 2, 2, 1)).astype(np.float32)
    dataset = data.Dataset("mine", 3, data.Split(images, Y.astype(np.int32)))
    data.check_dataset(dataset)
    model = (lambda key: zeros(key), lambda kernel, x: x.reshape(-1, 4) @ kernel)
    trained = train_it(model, data.standardise(dataset))
    assert set(trained.final) == {"train_loss", "train_accuracy"}
    assert trained.history["train_loss"].shape == (1, 2)


@pytest.mark.parametrize(
    "dataset", [X, jnp.asarray(X), X[:, :2], (X,), (X, Y, Y), [(X[:8],)], {"train": X}]
)
def test_what_is_not_inputs_and_labels_is_refused(dataset):
    with pytest.raises(ValueError, match="parts with the shapes .* expected inputs"):
        train_it(dataset=dataset)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ((X.astype(object), Y), "the type of train inputs is 'object'; expected one"),
        ((X, np.where(Y, "a", "b")), "the type of train labels is '<U1'; expected"),
        ((np.where(X[5, 1] == X, np.nan, X), Y), r"train inputs\[5, 1\] is nan; expec"),
        ((X.astype(float) * 1e300, Y), r"train inputs\[0, 0\] is .*; expected finite"),
        (
            {"train": (X, Y), "test": (np.full_like(X, np.nan), Y)},
            r"test inputs\[0, 0\] is nan; expected finite numbers of float32",
        ),
        ((X, Y + 2**40), r"train labels\[0\] is 10995.*; expected .* of int32"),
        ((X, np.eye(3, dtype=np.float32)[Y] * 2), r"labels\[0\] is .* of sum 1"),
        ((X, np.tile(np.float32([-1, 1, 1]), (24, 1))), "probabilities >= 0 of sum"),
        ((X, np.full((24, 3), np.nan)), "expected probabilities >= 0 of sum 1"),
        ((X, np.eye(3, dtype=int)[Y]), r"labels are int64\[24, 3\]; expected integers"),
        ((X, Y == 0), r"labels are bool\[24\]; expected integers"),
        ((np.ma.masked_greater(X, 1), Y), "train has masked numbers"),
        ([(np.full_like(X[:8], np.nan), Y[:8])], r"batch inputs\[0, 0\] is nan"),
    ],
)
def test_numbers_that_would_be_cast_or_spread_are_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        train_it(dataset=dataset)


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16, np.float64, bool, np.int8])
def test_inputs_may_be_of_any_numbers(dtype):
    model = (zeros, lambda kernel, x: x.astype(float) @ kernel)
    trained = train_it(model, (X.astype(dtype), Y.astype(np.uint8)), steps=1)
    assert np.isfinite(trained.final["train_loss"]).all()


def test_seeds_are_a_sequence_of_any_library(tmp_path):
    expected = train_it(LINEAR, seeds=(0, 1))
    for place, seeds in enumerate((np.arange(2), jnp.arange(2), range(2), [0, 1])):
        trained = train_it(LINEAR, seeds=seeds, folder=str(tmp_path / f"{place}"))
        chex.assert_trees_all_equal(trained.variables, expected.variables)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (3, "seeds is 3; expected a sequence of integers"),
        ([0.5], r"seeds is \[0.5\]; expected a sequence of integers"),
        (np.array([True]), "expected a sequence of integers"),
        ([0, -1], r"seeds\[1\] is -1; expected an integer >= 0"),
        ([2**40], r"seeds\[0\] is 1099511627776; expected an integer"),
        (np.array([1, 1]), r"seeds is \[1, 1\]; expected one or more different"),
        (np.arange(0), r"seeds is \[\]; expected one or more"),
    ],
)
def test_seeds_that_are_none_are_refused(seeds, message):
    with pytest.raises(ValueError, match=message):
        train_it(LINEAR, seeds=seeds)


def test_a_stream_of_noise_that_there_is_not_is_told_from_those_that_there_are():
    class Noisy(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            if train:
                x = x + jax.random.normal(self.make_rng("noise"), x.shape)
            return nn.Dense(3)(x)

    with pytest.raises(ValueError, match='PRNG for "noise".* expected .*of dropout, '):
        train_it(Noisy())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluate_every": 0}, "evaluate_every is 0; expected an integer >= 1"),
        ({"devices": []}, r"devices is \[\]; expected one or more"),
        (
            {"stop_loss": np.nan, "evaluate_every": 1},
            "stop_loss is nan; expected a num",
        ),
        ({"ceiling": 0.0}, "ceiling is 0.0; expected a number > 0"),
    ],
)
def test_what_would_be_without_effect_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        train_it(**options)


def test_splits_of_other_inputs_are_refused():
    dataset = {"train": (X, Y), "test": (X[:, :1], Y)}
    with pytest.raises(ValueError, match=r"the shape of test inputs is \(1,\); exp"):
        train_it(dataset=dataset)
