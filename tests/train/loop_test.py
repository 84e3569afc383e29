"""The loop stops where it should, and does not notice that it was interrupted."""

import dataclasses

import chex
import jax
import numpy as np
import pytest

from lec7 import losses, models, train, update_rules
from lec7.train import feed
from lec7.train import state as states
from lec7.train import step as steps

SHAPE = (3, 3, 1)
SEEDS = (0, 1)


@dataclasses.dataclass(frozen=True)
class Setting:
    """All that `fit` needs but where to write and how long."""

    state: states.TrainState
    step: steps.Step
    batches: feed.Feed
    evaluate: object


@pytest.fixture(scope="module")
def setting():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(24, *SHAPE)).astype(np.float32)
    labels = (images.sum((1, 2, 3)) > 0).astype(np.int32)
    return make_setting(images, labels, update_rules.adam(0.01))


def make_setting(images, labels, rule):
    model = models.MLP(num_classes=2, widths=(8,), axis_name=steps.DEVICE_AXIS)

    def initialise(key):
        return models.initialise(model, key, SHAPE)

    return Setting(
        state=states.initial_population(initialise, rule, SEEDS),
        step=train.make_step(
            model, rule, losses.cross_entropy, axis_name=steps.DEVICE_AXIS
        ),
        batches=feed.from_arrays(images, labels, seeds=SEEDS, batch_size=8),
        evaluate=train.make_evaluate(
            model,
            losses.cross_entropy,
            {"train": (images, labels)},
            jax.devices()[:1],
        ),
    )


def fit(setting, folder, plan, **options):
    return train.fit(
        setting.state,
        step=setting.step,
        batches=setting.batches,
        evaluate=setting.evaluate,
        plan=plan,
        devices=jax.devices()[:1],
        folder=folder,
        name="small",
        **options,
    )


class KilledError(Exception):
    """Stands for a signal."""


def kill_at(step):
    def report(done, **measured):
        del measured
        if done >= step:
            raise KilledError

    return report


def comparable(state):
    return state.replace(key=jax.random.key_data(state.key))


PLAN = train.Plan(max_steps=14, evaluate_every=2, checkpoint_every=2)


@pytest.mark.parametrize(
    "kills",
    [
        (2,),
        pytest.param((4,), marks=pytest.mark.slow),
        pytest.param((6, 8), marks=pytest.mark.slow),
        (6, 6, 10, 12),
    ],
)
def test_an_interrupted_training_ends_in_the_same_bytes(setting, tmp_path, kills):
    whole, history = fit(setting, tmp_path / "whole", PLAN)
    for step in kills:
        with pytest.raises(KilledError):
            fit(setting, tmp_path / "killed", PLAN, report=kill_at(step))
    resumed, resumed_history = fit(setting, tmp_path / "killed", PLAN)
    chex.assert_trees_all_equal(comparable(whole), comparable(resumed))
    chex.assert_trees_all_equal(history, resumed_history)
    for file in ("metrics.jsonl", "checkpoints/small/00000014/state.msgpack"):
        one, other = (tmp_path / name / file for name in ("whole", "killed"))
        assert one.read_bytes() == other.read_bytes()


def test_a_finished_training_is_not_trained_again(setting, tmp_path):
    first, history = fit(setting, tmp_path, PLAN)
    again, same = fit(setting, tmp_path, PLAN, report=kill_at(0))
    chex.assert_trees_all_equal(comparable(first), comparable(again))
    chex.assert_trees_all_equal(history, same)


def test_members_stop_at_the_loss_they_were_asked_for(setting, tmp_path):
    plan = train.Plan(max_steps=400, evaluate_every=5, stop_loss=0.3)
    state, history = fit(setting, tmp_path, plan)
    made = np.asarray(state.step)
    assert (made < 400).all()
    for member, step in enumerate(made):
        at = list(history["train_loss_step"]).index(step - 1)
        losses_until = history["train_loss"][: at + 1, member]
        assert losses_until[-1] <= 0.3
        assert (losses_until[:-1] > 0.3).all()
        assert np.isfinite(history["loss"][:step, member]).all()
        assert np.isnan(history["loss"][step:, member]).all()


def test_the_last_dispatch_is_as_short_as_it_must_be(setting, tmp_path):
    plan = train.Plan(max_steps=5, evaluate_every=3)
    state, history = fit(setting, tmp_path, plan)
    assert state.step.tolist() == [5, 5]
    assert history["train_loss_step"].tolist() == [2, 4]


def test_a_training_that_diverges_says_where(setting, tmp_path):
    images = np.full((24, *SHAPE), 1e30, np.float32)
    labels = np.arange(24, dtype=np.int32) % 2
    bad = make_setting(images, labels, update_rules.sgd(1e10))
    with pytest.raises(train.DivergedError, match="small diverged: the loss of member"):
        fit(bad, tmp_path, PLAN)


def test_missing_metrics_are_not_papered_over(setting, tmp_path):
    fit(setting, tmp_path, PLAN)
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(train.CheckpointError, match="11 of the 14 steps"):
        fit(setting, tmp_path, PLAN)


@pytest.mark.parametrize("field", ["max_steps", "evaluate_every", "checkpoint_every"])
def test_a_plan_needs_counts_of_one_or_more(field):
    fields = {"max_steps": 1, "evaluate_every": 1, "checkpoint_every": 1} | {field: 0}
    with pytest.raises(ValueError, match=f"{field} is 0; expected an integer >= 1"):
        train.Plan(**fields)
