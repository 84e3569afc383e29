"""Rates and schedules as members of one population."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import training
from lec7 import data, models, report, runs, train, update_rules


@pytest.fixture
def study(tmp_path, monkeypatch):
    """How a study of random numbers is made, for a number of devices."""
    generator = np.random.default_rng(0)

    def split(count):
        images = generator.normal(size=(count, 2, 2, 1)).astype(np.float32)
        return data.Split(images, generator.integers(0, 3, count).astype(np.int32))

    dataset = data.Dataset("random", 3, split(16), split(8), split(8))
    monkeypatch.setattr(data, "load", lambda name: dataset)
    config = types.SimpleNamespace(
        dataset="random", seeds=(3, 4), batch_size=4, updates=6, evaluate_every=3
    )

    def make(folder, devices=2):
        devices = tuple(jax.devices()[:devices])
        context = runs.Context(tmp_path / folder, devices, report.Progress())
        return training.Study(config, context, ("batch_size",))

    return make


def trained(study, rates, make_rule=update_rules.momentum):
    build = functools.partial(models.MLP, widths=(4,))
    return study.populations(build, make_rule, rates, name="some rates")


def test_a_schedule_trains_the_same_alone_and_beside_others(study):
    falling = optax.exponential_decay(0.1, 2, 0.5)
    together = trained(study("all"), {"a": 0.3, "b": falling, "c": jnp.float32(0.01)})
    alone = trained(study("one"), {"b": falling})["b"]
    both = (
        jax.tree.leaves((found.variables, found.updates, found.history, found.final))
        for found in (alone, together["b"])
    )
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert not np.allclose(
        together["a"].final["train_loss"], together["b"].final["train_loss"]
    )


def test_a_training_that_explodes_goes_on_beside_one_that_does_not(study):
    rates = {"mad": 1e30, "sane": 0.1}
    found = trained(study("run"), rates, make_rule=update_rules.sgd)
    updates, loss = found["mad"].record.curve
    assert updates.tolist() == [3, 6]
    assert (loss == train.CEILING).all()
    assert found["mad"].history["loss"][-1].tolist() == [train.CEILING] * 2
    assert np.isfinite(found["sane"].final["train_loss"]).all()
    assert found["sane"].updates.tolist() == [6, 6]


def test_a_batch_that_the_devices_cannot_share_is_refused(study):
    with pytest.raises(runs.UsageError, match="batch_size=4: expected a multiple of"):
        study("none", devices=3)


def test_what_is_held_out_for_validation_can_be_trained_on():
    parts = [
        data.Split(np.full((n, 2, 2, 1), n, np.float32), np.full(n, n, np.int32))
        for n in (3, 2, 4)
    ]
    whole = data.Dataset("made", 10, *parts)
    joined = training.without_validation(whole)
    assert joined.train.labels.tolist() == [3, 3, 3, 2, 2]
    assert joined.train.images[:, 0, 0, 0].tolist() == [3, 3, 3, 2, 2]
    assert (joined.validation, joined.test) == (None, whole.test)
    assert training.without_validation(joined) is joined


def test_a_network_by_name_takes_the_fields_that_it_has():
    build = training.named("mlp", widths=(3,), channels=(2,))
    assert build(num_classes=5) == models.MLP(5, widths=(3,))
    assert training.named("resnet20", widths=(3,))(num_classes=5).blocks == (3, 3, 3)


def test_a_network_without_a_field_that_is_needed_is_refused():
    message = (
        "--config.model=resnet20: expected a network with `dropout`, .*: mlp, conv"
    )
    with pytest.raises(runs.UsageError, match=message):
        training.named("resnet20", needs=("dropout",), dropout=0.5)


def test_examples_that_are_too_small_for_a_network_are_one_message(study):
    with pytest.raises(
        runs.UsageError, match="random: images of 2x2 pixels; expected at least 4x4"
    ):
        study("small").population(
            training.named("convnet"),
            update_rules.sgd(0.1),
            name="small",
            batch_size=4,
            updates=1,
        )


def test_a_hessian_that_is_too_large_to_be_formed_is_refused():
    images = np.zeros((1, 28, 28, 1), np.float32)
    split = data.Split(images, np.zeros(1, np.int32))
    dataset = data.Dataset("some", 10, split)
    training.require_dense((1, 5), dataset)
    model = models.MLP(10, widths=(5,))
    start = models.initialise(model, jax.random.key(0), images.shape[1:])
    assert optax.tree.size(start["params"]) == 5 * (784 + 1 + 10) + 10 <= 4096
    message = "widths has 6; expected at most 5 units for the 784 inputs of some"
    with pytest.raises(runs.UsageError, match=message):
        training.require_dense((1, 6), dataset)
