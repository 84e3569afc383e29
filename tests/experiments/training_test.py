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
