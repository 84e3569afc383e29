"""TensorBoard sees every update while the training goes on."""

import warnings

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import RecordWriter

from lec7 import train
from lec7.train import events


def read(folder):
    """Return tag -> {step: value} of the events in a folder."""
    (path,) = folder.glob("events.out.tfevents.*")
    found = {}
    for record in records(path.read_bytes()):
        event = event_pb2.Event.FromString(record)
        for value in event.summary.value:
            steps = found.setdefault(value.tag, {})
            assert event.step not in steps
            steps[event.step] = value.simple_value
    return found


def records(payload):
    """Yield the records of a file: 8 bytes of length, 4 of checksum, data, 4 more."""
    while payload:
        size = int.from_bytes(payload[:8], "little")
        yield payload[12 : 12 + size]
        payload = payload[16 + size :]


ROWS = [
    {"training": "small", "step": 0, "loss": [1.0, 3.0]},
    {"training": "small", "step": 1, "loss": [None, 5.0]},
    {"training": "small", "step": 2, "loss": [None, None], "train_loss": [0.5, 0.25]},
]
EXPECTED = {"loss": {1: 2.0, 2: 5.0}, "train_loss": {3: 0.375}}


@pytest.mark.parametrize("done", [0, 1, 2])
def test_each_step_has_the_mean_over_the_members_that_train_once(tmp_path, done):
    for _ in range(2):  # the second process meets events of the first
        log = events.EventsLog(tmp_path)
        for place in range(done, len(ROWS)):
            log.append(ROWS[place : place + 1], iter(ROWS[:place]))
            shown = {step for steps in read(tmp_path).values() for step in steps}
            assert shown == set(range(1, place + 2))
    assert read(tmp_path) == EXPECTED


def test_the_checksums_are_those_of_the_format(tmp_path):
    """As tensorboardX's own writer has them."""
    events.EventsLog(tmp_path / "ours").append(ROWS, ())
    (path,) = (tmp_path / "ours").glob("events*")
    written = path.read_bytes()
    writer = RecordWriter(str(tmp_path / "theirs"))
    for record in records(written):
        writer.write(record)
    writer.close()
    assert (tmp_path / "theirs").read_bytes() == written


def test_events_that_cannot_be_written_take_no_run_down(tmp_path):
    (tmp_path / "events").write_text("a file where the folder belongs")
    log = events.EventsLog(tmp_path / "events")
    with pytest.warns(UserWarning, match="no events for TensorBoard in .*events"):
        log.append(ROWS, ())
    with warnings.catch_warnings(action="error"):
        log.append(ROWS, ())


class KilledError(Exception):
    """Stands for a signal."""


@pytest.mark.parametrize("moment", [2, 6, 10])
def test_a_training_that_was_killed_has_every_update_once(tmp_path, moment):
    x = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]

    def fit(progress):
        return train.train(
            (lambda key: jnp.zeros((1, 2)), lambda kernel, x: x @ kernel),
            optax.sgd(0.1),
            (x, (x[:, 0] > 0).astype(int)),
            steps=10,
            batch_size=8,
            evaluate_every=2,
            checkpoint_every=2,
            folder=tmp_path,
            progress=progress,
        )

    def kill(done, **_):
        if done == moment:
            raise KilledError

    with pytest.raises(KilledError):
        fit(kill)
    assert max(read(tmp_path / "events" / "training")["loss"]) == moment
    history = fit(None).history
    shown = read(tmp_path / "events" / "training")
    assert sorted(shown["loss"]) == list(range(1, 11))
    assert sorted(shown["train_loss"]) == [2, 4, 6, 8, 10]
    np.testing.assert_array_equal(
        [shown["loss"][step] for step in range(1, 11)], history["loss"][:, 0]
    )
