"""A training resumes as itself alone.

The cases are those of google/flax and PriorLabs/TabPFN#814: a second script in the same
folder was given the first one's network, in silence.
"""

import json
import shutil

import jax
import numpy as np
import optax
import pytest

from lec7 import losses, models, train
from lec7.train import identities

X = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)
Y = (X.sum(1) > 0).astype(np.int32)
RATE = 0.1


def fit(folder, *, rule=None, widths=(4, 4), steps=4, dataset=(X, Y), **options):
    return train.train(
        models.MLP(num_classes=2, widths=widths),
        rule or optax.sgd(RATE),
        dataset,
        **{"steps": steps, "batch_size": 8, "evaluate_every": 2} | options,
        folder=folder,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    fit(folder)
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "copy")


def doubled(logits, labels):
    return 2 * losses.cross_entropy(logits, labels)


@pytest.mark.parametrize(
    ("differs", "options"),
    [
        ("data", {"dataset": (X[::-1], Y[::-1])}),
        ("seeds", {"seeds": (1,)}),
        ("batch_size", {"batch_size": 16}),
        ("parameters", {"widths": (4,)}),
        ("rule", {"rule": optax.adam(RATE)}),
        ("step", {"rule": optax.sgd(0.9)}),
        ("step", {"rule": optax.chain(optax.clip(1.0), optax.sgd(RATE))}),
        ("step", {"loss": doubled}),
        ("step", {"m": 4}),
        ("starting point", {"start": lambda s: s.replace(params=zero(s.params))}),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_another_training_is_refused_with_what_differs(trained, differs, options):
    with pytest.raises(train.CheckpointError, match=f"its {differs}"):
        fit(trained, **options)


def zero(tree):
    return jax.tree.map(lambda leaf: 0 * leaf, tree)


def test_the_same_training_goes_on(tmp_path):
    first = fit(tmp_path)
    again = fit(tmp_path)
    np.testing.assert_array_equal(first.final["train_loss"], again.final["train_loss"])
    assert fit(tmp_path, steps=8).updates.tolist() == [8]


def test_other_code_goes_on_and_says_so(folder):
    path = folder / "checkpoints/training" / identities.FILE
    held = json.loads(path.read_text())
    held["code"]["jax"] = "0.1"
    held["step"] = "of another version"
    path.write_text(json.dumps(held))
    shutil.rmtree(next(iter(path.parent.glob("0*"))))
    (folder / "metrics.jsonl").unlink()
    with pytest.warns(
        UserWarning, match=f"other code, .* jax 0.1 -> {jax.__version__}"
    ):
        fit(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"{"])
def test_a_damaged_identity_is_one_message(folder, content):
    (folder / "checkpoints/training" / identities.FILE).write_bytes(content)
    with pytest.raises(train.CheckpointError, match=r"training.json is damaged"):
        fit(folder)


def test_snapshots_of_another_training_are_refused(tmp_path):
    for seed in (0, 1):
        fit(tmp_path / str(seed), seeds=(seed,), snapshot_every=2)
    shutil.rmtree(tmp_path / "0/snapshots")
    shutil.copytree(tmp_path / "1/snapshots", tmp_path / "0/snapshots")
    with pytest.raises(train.CheckpointError, match="is of another training"):
        fit(tmp_path / "0", seeds=(0,), snapshot_every=2)
