"""How long each batch size is trained, and what its claims compare."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments import equal_epochs, tested
from experiments import sharp_vs_flat_connections as connections
from lec7 import report, runs, train

CONFIG = dataclasses.replace(equal_epochs.Config(), **equal_epochs.SMALL)
SMALL_BATCH, LARGE_BATCH = equal_epochs.GROUPS


def trained(accuracy, length):
    seeds = np.arange(3)
    final = {
        f"{split}_{name}": np.float32(accuracy + 0.001 * seeds**2)
        for split in ("train", "test")
        for name in ("loss", "accuracy")
    }
    record = train.Record(np.full(3, 9), {}, final)
    right = np.random.default_rng(0).random((3, 800)) < accuracy
    answers = tested.Tested(np.packbits(right, axis=1), np.zeros((3, 800)))
    return equal_epochs.Trained(record, answers, length * (1 + 0.01 * seeds))


def line(before, beyond):
    """Return three lines whose loss is so high at their two ends."""
    loss = np.ones((3, len(connections.LINE)))
    loss[:, 0], loss[:, -1] = before, beyond * (1 + 0.01 * np.arange(3))
    return {"train": {"loss": loss, "accuracy": np.ones_like(loss)}}


def findings(**changed):
    plain = {SMALL_BATCH: trained(0.95, 20.0), LARGE_BATCH: trained(0.92, 10.0)}
    decay = {SMALL_BATCH: trained(0.95, 5.0), LARGE_BATCH: trained(0.93, 10.0)}
    seeds = 1 + 0.01 * np.arange(3)
    given = {
        "batches": {SMALL_BATCH: 16, LARGE_BATCH: 360},
        "size": 10,
        "test_examples": 1000,
        "adam": plain,
        "box": {SMALL_BATCH: seeds, LARGE_BATCH: 30 * seeds**2},
        "sgd": {"no weight decay": plain, "weight decay": decay},
        "lines": {"no weight decay": line(1.0, 4.0), "weight decay": line(4.0, 1.0)},
    }
    return equal_epochs.Findings(**given | changed)


def test_the_headline_says_what_is_decided():
    told = equal_epochs.analyse(CONFIG, findings()).summary
    assert "more than 10 times as sharp (a ratio of 30.3)" in told
    assert "and looks the flatter with it." in told
    lines = dict.fromkeys(equal_epochs.SETTINGS, line(1.0, 4.0))
    told = equal_epochs.analyse(CONFIG, findings(lines=lines)).summary
    assert "and looks the sharper with it." in told


def test_claims_follow_the_numbers():
    claims = {c.id: c for c in equal_epochs.analyse(CONFIG, findings()).claims}
    assert claims["keskar"].effect == pytest.approx(30 * 1.01, rel=0.01)
    assert claims["picture.plain"].effect == pytest.approx(4.04, rel=0.01)
    assert claims["picture.decay"].effect == pytest.approx(0.2525, rel=0.01)
    assert claims["length.decay"].effect == pytest.approx(2.0, rel=0.01)
    same = equal_epochs.analyse(
        CONFIG, findings(lines=dict.fromkeys(equal_epochs.SETTINGS, line(1.0, 4.0)))
    )
    verdicts = {claim.id: claim.verdict for claim in same.claims}
    assert verdicts["picture.plain"] == "supported"
    assert verdicts["picture.decay"] == "contradicted"


def test_both_batch_sizes_pass_the_data_as_often(tmp_path, monkeypatch):
    for module, measure in (
        (equal_epochs, "_box"),
        (connections, "line"),
        (tested, "test"),
    ):
        monkeypatch.setattr(module, measure, lambda *given: None)
    context = runs.Context(tmp_path, tuple(jax.devices()[:1]), report.Progress())
    found = equal_epochs.run(CONFIG, context)
    updates = {name: of.record.updates[0] for name, of in found.adam.items()}
    passes = {name: updates[name] * found.batches[name] for name in updates}
    assert found.batches[LARGE_BATCH] > found.batches[SMALL_BATCH]
    assert max(passes.values()) - min(passes.values()) < found.batches[LARGE_BATCH]
    for decayed, plain in zip(
        found.sgd["weight decay"].values(),
        found.sgd["no weight decay"].values(),
        strict=True,
    ):
        assert (decayed.lengths < plain.lengths).all()


def test_a_large_batch_that_is_not_larger_is_refused(tmp_path):
    context = runs.Context(tmp_path, tuple(jax.devices()[:1]), report.Progress())
    with pytest.raises(runs.UsageError, match="small_batch=64: expected less than"):
        equal_epochs.run(dataclasses.replace(CONFIG, large_share=0.01), context)
