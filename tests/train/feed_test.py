"""Batches are the same from arrays and from the disk, however a dispatch cuts them."""

import chex
import jax
import numpy as np
import optax
import pytest

from lec7 import data, models, train
from lec7.data import disk
from lec7.train import feed
from lec7.train import step as steps

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 3, 50).astype(np.int32)
SEEDS = (3, 1, 3)


def data_set(*, on_disk):
    def split(part):
        pixels, labels = PIXELS[part], LABELS[part]
        plain = np.float32(pixels) / 255
        images = disk.DiskImages(
            lambda numbers: pixels[numbers],
            numbers=np.arange(len(labels)),
            table=disk.plain_table(4, 4, 3),
            image_shape=(4, 4, 3),
            records=str(part),
        )
        return data.Split(images if on_disk else plain, labels)

    parts = {"train": slice(30), "test": slice(30, None)}
    dataset = data.Dataset("mine", 3, **{k: split(part) for k, part in parts.items()})
    moments = data.channel_moments(np.float32(PIXELS) / 255)
    return data.standardise(dataset, moments)


ARRAYS, DISK = (data_set(on_disk=on_disk) for on_disk in (False, True))


def train_on(dataset, **given):
    model = models.MLP(num_classes=3, widths=(8,), axis_name=steps.DEVICE_AXIS)
    given = {"steps": 14, "batch_size": 8, "seeds": (0, 1), **given}
    return train.train(model, optax.adam(0.01), dataset, **given)


# XLA compiles one update, and updates on two devices, as other programs.
@pytest.mark.parametrize(
    ("devices", "carried", "tolerance"),
    [(1, 2**25, 0), pytest.param(1, 2000, 1e-5, marks=pytest.mark.slow), (2, 1, 1e-5)],
)
def test_from_the_disk_a_network_becomes_what_it_becomes_from_arrays(
    devices, carried, tolerance, monkeypatch
):
    given = {"evaluate_every": 7, "devices": jax.devices()[:devices]}
    expected = train_on(ARRAYS, **given)
    monkeypatch.setattr(feed, "CARRIED", carried)
    found = train_on(DISK, **given)
    for one, other in zip(found[:4], expected[:4], strict=True):
        chex.assert_trees_all_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
def test_convolutions_from_the_disk_are_the_same_too():
    def trained(dataset):
        model = models.ConvNet(
            num_classes=3, channels=(4,), dense=(), axis_name=steps.DEVICE_AXIS
        )
        return train.train(model, optax.sgd(0.1), dataset, steps=5, batch_size=8)

    chex.assert_trees_all_equal(trained(DISK).variables, trained(ARRAYS).variables)


@pytest.mark.parametrize("split", ["train", "test"])
def test_slots_hold_the_bytes_of_the_same_examples(split):
    images, labels = getattr(DISK, split)
    given = {"seeds": SEEDS, "batch_size": 8}
    found = feed.from_arrays(images, labels, **given)
    expected = feed.from_arrays(*getattr(ARRAYS, split), **given)
    slots = found.slots(5, 4)
    assert slots[0].dtype == np.uint8
    assert slots[0].shape == (4, 2, 8, 4, 4, 3)  # a seed is read once
    for t in range(4):
        one = jax.jit(found.fetch)(found.data, jax.tree.map(lambda x, t=t: x[t], slots))
        other = expected.fetch(expected.data, expected.slots(5, 4)[t])
        chex.assert_trees_all_equal(jax.device_get(one), other)


def test_a_dispatch_carries_a_bounded_part_of_a_stream():
    read = []

    def batch_at(step):
        read.append(step)
        return np.full((8, 1000), step, np.float32), np.zeros(8, np.int32)

    stream = feed.from_stream(batch_at, members=2)
    images, _ = stream.slots(7, 10**9)
    assert len(images) == len(read) == disk.WAITING
    np.testing.assert_array_equal(images[:, 0, 0, 0], 7 + np.arange(len(images)))
    steps_left, lengths = 97, []
    while steps_left:
        lengths.append(len(stream.slots(0, steps_left)[0]))
        steps_left -= lengths[-1]
    assert len(set(lengths)) <= 2 and max(lengths) <= disk.WAITING


def test_what_is_read_ahead_follows_the_steps_that_are_asked_for():
    images, labels = DISK.train
    batches = feed.from_arrays(images, labels, seeds=(0,), batch_size=8)
    whole = batches.slots(0, 12)
    for start in (4, 8, 2):
        found = batches.slots(start, 3)
        chex.assert_trees_all_equal(found, tuple(x[start : start + 3] for x in whole))


def test_what_a_thread_cannot_read_ends_the_training():
    def fetch(numbers):
        raise data.DataError("the records are damaged")

    broken = DISK.train._replace(
        images=disk.DiskImages(
            fetch, np.arange(30), disk.plain_table(4, 4, 3), (4, 4, 3), "broken"
        )
    )
    with pytest.raises(data.DataError, match="the records are damaged"):
        train_on({"train": broken})


def test_a_training_from_the_disk_resumes_and_another_set_is_refused(tmp_path):
    class KilledError(Exception):
        pass

    def kill(step, **_):
        if step >= 8:
            raise KilledError

    given = {"evaluate_every": 4, "checkpoint_every": 1}
    whole = train_on(DISK, folder=tmp_path / "whole", **given)
    killed = {**given, "folder": tmp_path / "killed"}
    with pytest.raises(KilledError):
        train_on(DISK, progress=kill, **killed)
    found = train_on(DISK, **killed)
    chex.assert_trees_all_equal(found.variables, whole.variables)
    one, other = (tmp_path / name / "metrics.jsonl" for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()
    other = DISK.with_images(lambda images: images * 2)
    with pytest.raises(train.CheckpointError, match="its data differs"):
        train_on(other, **killed)
