"""A checkpoint is restored exactly or not at all."""

import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lec7 import train


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
