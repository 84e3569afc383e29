"""The loop stops where it should, and does not notice that it was interrupted."""

import dataclasses
import json
import shutil
import signal
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import serialization

from lec7 import losses, models, signals, train, update_rules
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


def fit(setting, folder, plan, *, name="small", **options):
    return train.fit(
        setting.state,
        step=setting.step,
        batches=setting.batches,
        evaluate=setting.evaluate,
        plan=plan,
        devices=jax.devices()[:1],
        folder=folder,
        name=name,
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


def explosive(rate, scale=1.0):
    """Return a setting whose losses are finite until the rule has made an update."""
    images = np.random.default_rng(0).normal(size=(24, *SHAPE)).astype(np.float32)
    labels = (images.sum((1, 2, 3)) > 0).astype(np.int32)
    return make_setting(np.float32(scale) * images, labels, optax.sgd(jnp.array(rate)))


def test_a_training_that_diverges_says_where(tmp_path):
    with pytest.raises(train.DivergedError, match="small diverged: the loss of member"):
        fit(explosive(1e10, scale=1e20), tmp_path, PLAN)


def test_a_loss_that_is_not_finite_before_any_update_is_not_the_rate(tmp_path):
    with pytest.raises(train.DivergedError, match="at step 0; .* look at the data"):
        fit(explosive(0.1, scale=np.inf), tmp_path, PLAN)


@pytest.mark.parametrize("stop_loss", [None, 0.3])
@pytest.mark.parametrize("steps", [1, 2])
def test_the_last_update_of_a_training_is_checked(tmp_path, steps, stop_loss):
    plan = train.Plan(max_steps=steps, evaluate_every=1, stop_loss=stop_loss)
    with pytest.raises(train.DivergedError, match="network of member 0 is not finite"):
        fit(explosive(np.inf), tmp_path, plan)
    assert not list(tmp_path.glob("checkpoints/*/*"))


def test_a_loss_that_is_not_a_number_does_not_reach_its_target(setting, tmp_path):
    def evaluate(state):
        return {"train_loss": np.full(len(state.step), np.nan)}

    never = dataclasses.replace(setting, evaluate=evaluate)
    plan = train.Plan(max_steps=4, evaluate_every=2, stop_loss=1.0)
    plan = dataclasses.replace(plan, on_divergence="go on")
    assert fit(never, tmp_path, plan)[0].step.tolist() == [4, 4]
    with pytest.raises(train.DivergedError, match="loss of member 0 is nan at step 2"):
        plan = dataclasses.replace(plan, on_divergence="raise")
        fit(never, tmp_path / "checked", plan)


def test_a_divergence_leaves_its_curve_and_a_finite_checkpoint(tmp_path):
    plan = train.Plan(
        max_steps=20, evaluate_every=5, checkpoint_every=1, on_divergence="raise"
    )
    setting = explosive(1e5)
    with pytest.raises(train.DivergedError):
        fit(setting, tmp_path, plan)
    rows = list(map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines()))
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert rows
    assert all(None not in row["loss"] for row in rows)
    assert list(tmp_path.glob("events/small/events*"))
    for state in tmp_path.glob("checkpoints/small/*/state.msgpack"):
        restored = serialization.msgpack_restore(state.read_bytes())["state"]["params"]
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(restored))


def contents(folder):
    paths = [*folder.glob("checkpoints/*/*/*"), folder / "metrics.jsonl"]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param((2,), marks=pytest.mark.slow),  # the last case begins with it
        pytest.param((6,), marks=pytest.mark.slow),
        (10, 12),
        (2, 6, 10),
    ],
)
def test_a_signal_saves_what_is_made_and_leaves_no_trace(
    setting, tmp_path, monkeypatch, moments
):
    fit(setting, tmp_path / "whole", PLAN)
    for moment in moments:
        noted = []
        monkeypatch.setattr(signals, "_noted", noted)

        def report(done, *, moment=moment, noted=noted, **measured):
            # It comes while the updates before the one after are made.
            if done == moment - PLAN.evaluate_every:
                noted.append(signal.SIGTERM)

        start = {"report": report}
        if moment == 2:
            noted.append(signal.SIGTERM)
        with pytest.raises(signals.Signalled):
            fit(setting, tmp_path / "left", PLAN, **start)
        noted.clear()
    fit(setting, tmp_path / "left", PLAN)
    assert contents(tmp_path / "left") == contents(tmp_path / "whole")


def damage_newest(folder, name):
    newest = max((folder / "checkpoints" / name).iterdir())
    (newest / "state.msgpack").write_bytes(b"")


def test_an_older_checkpoint_of_one_training_keeps_the_lines_of_later_ones(
    setting, tmp_path
):
    names = ("one", "two", "three")
    for name in names:
        fit(setting, tmp_path, PLAN, name=name)
    whole = contents(tmp_path)
    damage_newest(tmp_path, "one")
    for name in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(setting, tmp_path, PLAN, name=name)
    found = {k: v for k, v in contents(tmp_path).items() if ".damaged" not in str(k)}
    assert found == whole


@pytest.mark.parametrize("change", [b"1", b"9"])
def test_a_digit_of_the_metrics_that_has_changed_is_noticed(setting, tmp_path, change):
    fit(setting, tmp_path, PLAN)
    path = tmp_path / "metrics.jsonl"
    content = bytearray(path.read_bytes())
    at = content.index(b'"loss": [0.') + len(b'"loss": [0.')
    content[at : at + 1] = bytes([ord(change) if content[at] != ord(change) else 0x32])
    path.write_bytes(content)
    with pytest.raises(train.CheckpointError, match="other numbers for the 14 steps"):
        fit(setting, tmp_path, PLAN)
    assert path.read_bytes() == content


@pytest.mark.parametrize("line", ["[1]", "{}", '{"training": 1}', "null"])
def test_a_line_that_is_no_row_is_noticed(setting, tmp_path, line):
    fit(setting, tmp_path, PLAN)
    path = tmp_path / "metrics.jsonl"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:3], line, *rows[4:], ""]))
    with pytest.raises(train.CheckpointError, match="13 of the 14 steps of 'small'"):
        fit(setting, tmp_path, PLAN)


def test_a_checkpoint_of_another_training_is_noticed(setting, tmp_path):
    fit(setting, tmp_path / "mine", PLAN, identity="mine")
    fit(setting, tmp_path / "other", PLAN, identity="other")
    shutil.rmtree(tmp_path / "mine" / "checkpoints")
    shutil.copytree(tmp_path / "other/checkpoints", tmp_path / "mine/checkpoints")
    with pytest.raises(
        train.CheckpointError, match="another training .other; expected"
    ):
        fit(setting, tmp_path / "mine", PLAN, identity="mine")


def test_that_all_checkpoints_are_gone_is_said(setting, tmp_path):
    fit(setting, tmp_path, PLAN)
    whole = contents(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.warns(UserWarning, match="14 steps of a training without a checkpoint"):
        fit(setting, tmp_path, PLAN)
    assert contents(tmp_path) == whole


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


def test_the_folder_may_be_a_string(setting, tmp_path):
    plan = train.Plan(max_steps=2, evaluate_every=2)
    fit(setting, str(tmp_path), plan)
    assert (tmp_path / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evaluate": lambda state: 1.0}, r"evaluate returned 1.0; expected name -> "),
        ({"evaluate": lambda state: {"x": np.ones(3)}}, r"x of evaluate .* \[2\], a "),
        ({"evaluate": lambda state: {"x": np.ones(2)}}, "returned x; expected train_l"),
        ({"state": None}, r"state.step has the shape \(\); expected \[M\]"),
    ],
)
def test_what_fit_cannot_use_is_refused(setting, tmp_path, change, message):
    if "state" in change:
        change = {"state": jax.tree.map(lambda leaf: leaf[0], setting.state)}
    plan = train.Plan(max_steps=2, evaluate_every=2, stop_loss=0.1)
    with pytest.raises(ValueError, match=message):
        fit(dataclasses.replace(setting, **change), tmp_path, plan)
