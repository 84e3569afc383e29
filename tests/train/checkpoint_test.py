"""A checkpoint is restored exactly or not at all."""

import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx
from flax.training import train_state

from lec7 import train
from lec7.train import checkpoint


def make_state(scale=1.0):
    params = {"kernel": scale * jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones(3)}
    return {
        "params": params,
        "opt_state": optax.adam(1e-3).init(params),
        "key": jax.random.split(jax.random.key(7), 2),
        "half": jnp.ones(3, jnp.bfloat16),
        "steps": np.asarray(12),
    }


def assert_same(found, expected):
    assert bool(jnp.all(found["key"] == expected["key"]))
    chex.assert_trees_all_equal(
        {k: v for k, v in found.items() if k != "key"},
        {k: v for k, v in expected.items() if k != "key"},
    )


def test_every_leaf_comes_back_with_its_type(tmp_path):
    train.save(tmp_path, make_state(), step=12)
    restored = train.restore_latest(tmp_path, make_state(0.0))
    assert_same(restored, make_state())
    assert jax.dtypes.issubdtype(restored["key"].dtype, jax.dtypes.prng_key)
    assert restored["half"].dtype == jnp.bfloat16


def test_equal_states_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        train.save(tmp_path / name, make_state(), step=1)
    files = [tmp_path / name / "00000001" / "state.msgpack" for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_folder_without_checkpoints_restores_nothing(tmp_path):
    assert train.restore_latest(tmp_path / "none", make_state()) is None
    (tmp_path / ".00000009.unfinished").mkdir()
    assert train.restore_latest(tmp_path, make_state()) is None


def test_only_the_newest_are_kept(tmp_path):
    for step in (1, 2, 10, 11):
        train.save(tmp_path, make_state(), step=step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000010", "00000011"]


def test_what_else_is_in_a_checkpoint_is_not_removed(tmp_path):
    train.save(tmp_path, make_state(), step=1)
    (tmp_path / "00000001" / "thesis.tex").write_text("mine")
    for step in (2, 3, 4):
        train.save(tmp_path, make_state(), step=step)
    assert (tmp_path / "00000001" / "thesis.tex").read_text() == "mine"
    assert not (tmp_path / "00000002").exists()


def test_a_file_in_the_place_of_a_checkpoint_is_set_aside(tmp_path):
    train.save(tmp_path, make_state(), step=1)
    (tmp_path / "00000099").write_text("no folder")
    with pytest.warns(UserWarning, match="set aside"):
        assert_same(train.restore_latest(tmp_path, make_state(0.0)), make_state())


def flip_a_bit(path, offset):
    payload = bytearray(path.read_bytes())
    payload[offset % len(payload)] ^= 1 << (offset % 8)
    path.write_bytes(payload)


@pytest.mark.parametrize("offset", range(3, 2000, 191))
def test_a_flipped_bit_sends_the_run_back_to_the_older_checkpoint(tmp_path, offset):
    train.save(tmp_path, make_state(1.0), step=1)
    train.save(tmp_path, make_state(2.0), step=2)
    flip_a_bit(tmp_path / "00000002" / "state.msgpack", offset)
    with pytest.warns(UserWarning, match="set aside"):
        restored = train.restore_latest(tmp_path, make_state(0.0))
    assert_same(restored, make_state(1.0))
    assert (tmp_path / "00000002.damaged").is_dir()


def damage_by_truncation(folder):
    path = folder / "state.msgpack"
    path.write_bytes(path.read_bytes()[:-5])


def damage_by_missing_file(folder):
    (folder / "state.msgpack").unlink()


def damage_by_empty_folder(folder):
    for path in folder.iterdir():
        path.unlink()


def damage_by_wrong_manifest(folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"step": 3}))


def damage_by_cut_manifest(folder):
    (folder / "manifest.json").write_text('{"step": 2, "by')


@pytest.mark.parametrize(
    "damage",
    [
        damage_by_truncation,
        damage_by_missing_file,
        damage_by_empty_folder,
        damage_by_wrong_manifest,
        damage_by_cut_manifest,
    ],
)
def test_a_damaged_checkpoint_is_never_restored(tmp_path, damage):
    train.save(tmp_path, make_state(), step=2)
    damage(tmp_path / "00000002")
    with pytest.raises(train.CheckpointError, match="all checkpoints in .* damaged"):
        train.restore_latest(tmp_path, make_state())


def test_after_damage_the_valid_checkpoint_outlives_new_ones(tmp_path):
    for step in (1, 2, 3):
        train.save(tmp_path, make_state(float(step)), step=step, keep=3)
    for name in ("00000002", "00000003"):
        flip_a_bit(tmp_path / name / "state.msgpack", 40)
    with pytest.warns(UserWarning, match="set aside"):
        train.restore_latest(tmp_path, make_state())
    train.save(tmp_path, make_state(1.5), step=2)
    assert_same(train.restore_latest(tmp_path, make_state()), make_state(1.5))


def test_a_checkpoint_of_another_shape_is_refused(tmp_path):
    train.save(tmp_path, make_state(), step=1)
    other = make_state()
    other["params"]["bias"] = jnp.ones(4)
    with pytest.raises(train.CheckpointError, match=r"float32\(3,\) at .*bias.*\(4,\)"):
        train.restore_latest(tmp_path, other)


def test_a_checkpoint_of_another_tree_is_refused(tmp_path):
    train.save(tmp_path, make_state(), step=1)
    other = make_state()
    other["params"]["scale"] = jnp.ones(4)
    with pytest.raises(train.CheckpointError, match="not of this network"):
        train.restore_latest(tmp_path, other)


def test_a_checkpoint_with_leaves_besides_is_refused(tmp_path):
    # google/flax PR #563, #2632: what the model lacks is not dropped.
    train.save(tmp_path, make_state(), step=1)
    fewer = make_state(0.0)
    del fewer["params"]["bias"]
    with pytest.raises(train.CheckpointError, match="it has params/bias besides"):
        train.restore_latest(tmp_path, fewer)
    with pytest.raises(train.CheckpointError, match="it has params/bias besides"):
        checkpoint.restore(tmp_path, fewer, step=1)


@pytest.mark.parametrize("steps", [(10, 5), (10, 11, 5, 6), (3, 2, 1)])
@pytest.mark.parametrize("keep", [1, 2])
def test_the_step_just_written_is_never_removed(steps, keep, tmp_path):
    # google/flax#1091 and PR #1120.
    for step in steps:
        train.save(tmp_path, make_state(float(step)), step=step, keep=keep)
        restored = checkpoint.restore(tmp_path, make_state(), step=step)
        assert_same(restored, make_state(float(step)))
        assert len(list(tmp_path.iterdir())) <= keep


@pytest.mark.parametrize(
    "wrong", [{"keep": 0}, {"keep": -1}, {"step": -1}, {"step": 1.0}, {"keep": 1.5}]
)
def test_a_step_and_a_number_to_keep_are_counts(wrong, tmp_path):
    with pytest.raises(ValueError, match="; expected an integer >= [01]"):
        train.save(tmp_path, make_state(), **{"step": 1, **wrong})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", [3, np.int64(3), np.asarray(3), jnp.asarray(3)])
def test_a_step_of_any_library_and_a_folder_as_text_are_taken(step, tmp_path):
    train.save(str(tmp_path), make_state(), step=step)
    assert_same(train.restore_latest(str(tmp_path), make_state(0.0)), make_state())
    assert_same(
        checkpoint.restore(str(tmp_path), make_state(0.0), step=step), make_state()
    )
    assert (tmp_path / "00000003").is_dir()


def test_a_train_state_of_flax_comes_back_before_and_after_a_compiled_step(tmp_path):
    model = nn.Dense(2)
    params = model.init(jax.random.key(0), jnp.ones((1, 3)))["params"]
    new = train_state.TrainState.create(
        apply_fn=model.apply, params=params, tx=optax.adam(0.1)
    )
    gradients = jax.tree.map(jnp.ones_like, params)
    moved = jax.jit(lambda state: state.apply_gradients(grads=gradients))(new)
    for state in (new, moved):
        train.save(tmp_path, state, step=state.step)
        restored = train.restore_latest(tmp_path, new)
        assert isinstance(restored, train_state.TrainState)
        assert restored.step == state.step and restored.tx is new.tx
        chex.assert_trees_all_equal(restored.params, state.params)
        chex.assert_trees_all_equal(restored.opt_state, state.opt_state)
    assert isinstance(restored.step, int)


def test_states_of_nnx_come_back_alone_and_inside_of_others(tmp_path):
    def state(seed):
        class Net(nnx.Module):
            def __init__(self, rngs):
                self.layers = nnx.List([nnx.Linear(2, 2, rngs=rngs) for _ in range(11)])
                self.dropout = nnx.Dropout(0.5, rngs=rngs)

        return nnx.state(Net(nnx.Rngs(seed)))

    for name, make in {
        "alone": state,
        "inside": lambda seed: {"model": state(seed), "step": jnp.asarray(seed)},
    }.items():
        train.save(tmp_path / name, make(1), step=0)
        restored = train.restore_latest(tmp_path / name, make(2))
        chex.assert_trees_all_equal(
            *(
                jax.tree.map(
                    lambda x: (
                        jax.random.key_data(x)
                        if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
                        else np.asarray(x)
                    ),
                    tree,
                )
                for tree in (restored, make(1))
            )
        )
