"""Every example counts once, however chunks and devices divide them."""

import jax
import numpy as np
import pytest

from lec7 import losses, models, train, update_rules
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


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_chunks_hold_every_example_with_weight_one(count):
    images = np.arange(count, dtype=np.float32)
    _, labels, weights = evaluation.chunks(images, np.arange(count), 2, 4)
    assert sorted(labels[weights == 1]) == list(range(count))
