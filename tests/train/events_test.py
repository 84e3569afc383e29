"""TensorBoard sees the history."""

import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from lec7.train import events


def read(folder):
    """Return tag -> {step: value} of the events in a folder."""
    (path,) = folder.glob("events.out.tfevents.*")
    found = {}
    for record in records(path.read_bytes()):
        event = event_pb2.Event.FromString(record)
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def records(payload):
    """Yield the records of a file: 8 bytes of length, 4 of checksum, data, 4 more."""
    while payload:
        size = int.from_bytes(payload[:8], "little")
        yield payload[12 : 12 + size]
        payload = payload[16 + size :]


@pytest.mark.parametrize("times", [1, 2])
def test_each_step_has_the_mean_over_the_members_that_train(tmp_path, times):
    history = {
        "loss": np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]]),
        "loss_step": np.array([0, 1, 2]),
        "train_loss": np.array([[0.5, 0.25]]),
        "train_loss_step": np.array([2]),
    }
    for _ in range(times):
        events.write_events(tmp_path, history)
    assert read(tmp_path) == {"loss": {1: 2.0, 2: 5.0}, "train_loss": {3: 0.375}}


def test_events_that_cannot_be_written_take_no_run_down(tmp_path):
    """tensorboardX opens a queue of processes, which needs /dev/shm."""
    (tmp_path / "events").write_text("a file where the folder belongs")
    history = {"loss": np.ones((1, 1)), "loss_step": np.arange(1)}
    with pytest.warns(UserWarning, match="no events for TensorBoard in .*events"):
        events.write_events(tmp_path / "events", history)
