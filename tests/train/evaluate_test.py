"""Every example counts once, however chunks and devices divide them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lec7 import losses, models, train, update_rules
from lec7.data import disk
from lec7.train import evaluate as evaluation
from lec7.train import state as states

SHAPE = (3, 3, 1)


@pytest.mark.parametrize(
    ("devices", "chunk"), [(1, 64), (1, 5), (4, 3), (2, 23), (4, 1)]
)
def test_loss_and_accuracy_equal_the_mean_over_all_examples(devices, chunk):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(23, *SHAPE)).astype(np.float32)
    labels = rng.integers(3, size=23).astype(np.int32)
    model = models.MLP(num_classes=3, widths=(8,), batch_norm=True)
    state = states.initial_population(
        lambda key: models.initialise(model, key, SHAPE), update_rules.sgd(0.1), (0, 1)
    )
    evaluate = train.make_evaluate(
        model,
        losses.cross_entropy,
        {"test": (images, labels)},
        jax.devices()[:devices],
        chunk=chunk,
    )
    measured = evaluate(state)
    for member in range(2):
        variables = jax.tree.map(lambda leaf, m=member: leaf[m], state.variables)
        logits = model.apply(variables, images, train=False)
        log_p = np.asarray(jax.nn.log_softmax(logits))
        loss = -log_p[np.arange(23), labels].mean()
        accuracy = np.mean(np.argmax(logits, axis=1) == labels)
        np.testing.assert_allclose(measured["test_loss"][member], loss, rtol=1e-5)
        np.testing.assert_allclose(measured["test_accuracy"][member], accuracy)


def test_a_loss_that_changed_between_trainings_is_the_one_evaluated():
    scale = {"of": 1.0}

    def loss(logits, labels):
        return scale["of"] * losses.cross_entropy(logits, labels)

    model = models.MLP(num_classes=3, widths=(4,))
    state = states.initial_population(
        lambda key: models.initialise(model, key, SHAPE), update_rules.sgd(0.1), (0,)
    )
    split = np.ones((6, *SHAPE), np.float32), np.arange(6) % 3
    found = []
    for scale["of"] in (1.0, 2.0):
        evaluate = train.make_evaluate(model, loss, {"a": split}, jax.devices()[:1])
        found.append(evaluate(state)["a_loss"][0])
    np.testing.assert_allclose(found[1], 2 * found[0], rtol=1e-6)


class Shifted(nn.Module):
    """A network that holds an array, and so has no hash."""

    shift: jax.Array

    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dense(2)(x.reshape(len(x), -1) + self.shift[None])


def test_a_network_that_holds_an_array_is_evaluated():
    split = np.zeros((4, *SHAPE), np.float32), np.arange(4) % 2
    for shift in (0.0, 1.0):
        model = Shifted(jnp.full(9, shift))
        state = states.initial_population(
            lambda key, model=model: models.initialise(model, key, SHAPE),
            update_rules.sgd(0.1),
            (0,),
        )
        logits = model.apply(
            jax.tree.map(lambda leaf: leaf[0], state.variables), split[0], train=False
        )
        evaluate = train.make_evaluate(
            model, losses.cross_entropy, {"a": split}, jax.devices()[:1]
        )
        expected = np.mean(losses.cross_entropy(logits, split[1]))
        np.testing.assert_allclose(evaluate(state)["a_loss"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "read", [1, 500, pytest.param(evaluation.READ, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("devices", "chunk"), [(1, 64), (1, 5), (2, 3)])
def test_from_the_disk_a_split_is_measured_as_from_memory(
    devices, chunk, read, monkeypatch
):
    monkeypatch.setattr(evaluation, "READ", read)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (23, *SHAPE), dtype=np.uint8)
    labels = rng.integers(3, size=23).astype(np.int32)
    images = disk.DiskImages(
        lambda numbers: pixels[numbers],
        numbers=np.arange(23),
        table=disk.plain_table(*SHAPE),
        image_shape=SHAPE,
        records="random",
    )
    model = models.MLP(num_classes=3, widths=(8,))
    state = states.initial_population(
        lambda key: models.initialise(model, key, SHAPE), update_rules.sgd(0.1), (0, 1)
    )
    found, expected = (
        train.make_evaluate(
            model,
            losses.cross_entropy,
            {"test": (inputs, labels)},
            jax.devices()[:devices],
            chunk=chunk,
        )(state)
        for inputs in (images, np.float32(pixels) / 255)
    )
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(
            found[name], values, rtol=0 if devices == 1 else 1e-6
        )


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_chunks_hold_every_example_with_weight_one(count):
    images = np.arange(count, dtype=np.float32)
    _, labels, weights = evaluation.chunks(images, np.arange(count), 2, 4)
    assert sorted(labels[weights == 1]) == list(range(count))


def evaluate_with(loss, images, labels):
    model = models.MLP(num_classes=3, widths=())
    state = states.initial_population(
        lambda key: models.initialise(model, key, SHAPE), update_rules.sgd(0.1), (0,)
    )
    split, devices = {"test": (images, labels)}, jax.devices()[:1]
    train.make_evaluate(model, loss, split, devices, metrics={})(state)


@pytest.mark.parametrize(
    ("images", "labels"), [(5, 4), (4, 5), (0, 0)], ids=["fewer", "more", "none"]
)
def test_as_many_labels_as_images_are_evaluated_and_fed(images, labels):
    data = np.zeros((images, *SHAPE), np.float32), np.zeros(labels, np.int32)
    message = f"has {images} inputs and {labels} labels; expected as many"
    with pytest.raises(ValueError, match=f"test {message}"):
        evaluate_with(losses.cross_entropy, *data)
    with pytest.raises(ValueError, match=f"the data {message}"):
        train.from_arrays(*data, seeds=(0,), batch_size=2)


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (lambda f, y: jnp.mean(f), np.zeros(4, np.int32)),
        (lambda f, y: f, np.zeros(4, np.int32)),
        (lambda f, y: f[:, :1] - y, np.zeros((4, 1), np.float32)),
        # keras-team/keras#11749, tensorflow/tensorflow#22392.
        (losses.cross_entropy, np.zeros((4, 1), np.int32)),
        (losses.accuracy, np.zeros((4, 1), np.int32)),
        (losses.squared_error, np.zeros(4, np.float32)),
    ],
    ids=["mean", "matrix", "broadcast", "column", "accuracy", "targets"],
)
def test_what_is_no_number_for_each_example_is_refused(loss, labels):
    images = np.ones((4, *SHAPE), np.float32)
    with pytest.raises(ValueError, match="; expected "):
        evaluate_with(loss, images, labels)
    model = models.MLP(num_classes=3, widths=())
    variables = models.initialise(model, jax.random.key(0), SHAPE)
    with pytest.raises(ValueError, match="; expected "):
        train.batch_metrics(model, loss, {})(variables, (images, labels))


def test_means_over_a_batch_are_taken_in_float32_of_a_loss_in_halves():
    model = models.MLP(num_classes=3, widths=())
    variables = models.initialise(model, jax.random.key(0), SHAPE)
    metrics = train.batch_metrics(model, lambda f, y: y.astype(jnp.float16), {})
    batch = np.zeros((8, *SHAPE), np.float32), np.full(8, 60000, np.float32)
    assert metrics(variables, batch)["loss"] == 60000
