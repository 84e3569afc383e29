"""The networks are the published ones, and verdicts follow the numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import published_accuracy, tested
from lec7 import train

SGD, SAM = published_accuracy.SGD, published_accuracy.SAM


@pytest.mark.parametrize(
    ("model", "side", "channels", "parameters"),
    [("resnet18", 32, 3, 11_173_962), ("resnet20", 32, 3, 269_722)],
)
def test_networks_have_the_published_sizes(model, side, channels, parameters):
    config = published_accuracy.Config(model=model)
    network = published_accuracy.network(config)(num_classes=10)
    example = jnp.zeros((1, side, side, channels))
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), example, train=False)
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == parameters


def test_images_alone_are_cropped():
    keys = jax.random.split(jax.random.key(0), 4)
    crop = published_accuracy.crops((6, 6, 1), 2)
    images, labels = crop(keys, jnp.ones((4, 6, 6, 1)), jnp.arange(4))
    assert images.shape == (4, 6, 6, 1)
    assert labels.tolist() == [0, 1, 2, 3]
    assert published_accuracy.crops((40, 1), 2) is None
    assert published_accuracy.crops((6, 6, 1), 0) is None


def test_records_of_single_networks_become_one():
    single = [
        train.Record(
            np.array([2]),
            {"loss": np.full((2, 1), value), "loss_step": np.arange(2)},
            {"test_accuracy": np.array([value])},
        )
        for value in (0.25, 0.5)
    ]
    record = published_accuracy.joined(single)
    assert record.updates.tolist() == [2, 2]
    assert record.history["loss"].tolist() == [[0.25, 0.5]] * 2
    assert record.history["loss_step"].tolist() == [0, 1]
    assert record.percent("test").tolist() == [25, 50]


def outcome(percent, seed):
    """Three networks of which so many % of 10,000 examples are right."""
    rows = np.arange(10_000) < 100 * (percent + np.array([[-0.1], [0.0], [0.1]]))
    rows = rows[:, np.random.default_rng(seed).permutation(10_000)]
    return tested.Tested(np.packbits(rows, axis=1), np.zeros((3, 10_000)))


@pytest.mark.parametrize(
    ("sgd", "sam", "verdicts"),
    [
        (94.9, 97.9, ["supported", "supported"]),
        (92.0, 89.0, ["contradicted", "contradicted"]),
    ],
)
def test_verdicts_follow_the_numbers(sgd, sam, verdicts):
    found = {SGD: outcome(sgd, 0), SAM: outcome(sam, 1)}
    steps = np.arange(2)
    records = {
        rule: train.Record(
            np.full(3, 2),
            {"test_accuracy": np.full((2, 3), 0.9), "test_accuracy_step": steps},
            {f"{of}_accuracy": np.full(3, 0.9) for of in ("train", "test")},
        )
        for rule in found
    }
    findings = published_accuracy.Findings(
        records, found, 1, {"train": 60_000, "test": 10_000}
    )
    told = published_accuracy.analyse(published_accuracy.Config(), findings)
    assert [claim.verdict for claim in told.claims] == verdicts
