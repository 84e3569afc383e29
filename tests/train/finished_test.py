"""A finished run keeps its networks, and can still be trained again from nothing."""

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn

from lec7 import models, train
from lec7.train import checkpoint, finished


class Line(nn.Module):
    """One dense layer."""

    @nn.compact
    def __call__(self, x, *, train):
        """Return outputs [B, 2]."""
        del train
        return nn.Dense(2)(x)


def fit(folder):
    x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    return train.train(
        Line(),
        optax.adam(0.1),
        (x, (x[:, 0] > 0).astype(int)),
        steps=8,
        batch_size=8,
        seeds=(0, 1),
        evaluate_every=2,
        checkpoint_every=2,
        snapshot_every=4,
        folder=folder,
    )


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "events" not in path.parts
    }


def test_the_networks_of_a_finished_run_stay_and_the_rest_goes(tmp_path):
    trained = fit(tmp_path)
    finished.keep_networks(tmp_path)
    states = [path.parent.name for path in tmp_path.rglob("state.msgpack")]
    assert states == ["00000008"] and not (tmp_path / "snapshots").exists()
    model = Line()
    template = jax.eval_shape(
        lambda: model.init(jax.random.key(0), np.zeros((1, 1)), train=False)
    )
    place = tmp_path / "checkpoints/training"
    found = models.load_pretrained(place, template, member=1).variables
    jax.tree.map(
        np.testing.assert_array_equal, found["params"], trained.member(1)["params"]
    )
    with pytest.raises(train.CheckpointError, match="networks of a finished run alone"):
        train.restore_latest(place, {})


def test_keeping_again_or_after_a_kill_ends_in_the_same_bytes(tmp_path, monkeypatch):
    fit(tmp_path)
    whole = contents(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "remove_all", lambda place: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            finished.keep_networks(tmp_path)
    finished.keep_networks(tmp_path)
    once = contents(tmp_path)
    finished.keep_networks(tmp_path)
    assert contents(tmp_path) == once and len(once) < len(whole)


@pytest.mark.filterwarnings("ignore:metrics.jsonl has 8 steps")
def test_a_training_whose_findings_are_lost_starts_anew_to_the_same_bytes(tmp_path):
    fit(tmp_path)
    whole = contents(tmp_path)
    finished.keep_networks(tmp_path)
    fit(tmp_path)
    assert contents(tmp_path) == whole


def test_a_damaged_checkpoint_is_left_as_it_is(tmp_path):
    fit(tmp_path)
    path = tmp_path / "checkpoints/training/00000008/state.msgpack"
    path.write_bytes(b"damaged")
    finished.keep_networks(tmp_path)
    assert path.read_bytes() == b"damaged"
    assert (tmp_path / "checkpoints/training/00000004/state.msgpack").exists()
