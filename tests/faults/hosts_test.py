"""A lost host ends the others in time, and the same command resumes on any number."""

import random
import signal
import time

import numpy as np
import pytest

from tests.faults import resumption
from tests.train import hosted


@pytest.fixture(scope="module")
def expected():
    return resumption.alone()


@pytest.mark.slow
def test_four_hosts_train_the_networks_of_one_process(tmp_path, expected):
    resumption.require_resumed(tmp_path / "run", expected, [4])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "victim", "number"),
    [
        (2, 1, signal.SIGKILL),
        (2, 0, signal.SIGKILL),
        (4, 2, signal.SIGKILL),
        (3, 1, signal.SIGSTOP),
        (2, 0, signal.SIGSTOP),
    ],
)
def test_a_lost_host_ends_the_others_in_time_and_is_named(
    tmp_path, expected, count, victim, number
):
    folder = tmp_path / "run"
    processes = resumption.start(folder, count)
    resumption.wait_for_checkpoint(folder, processes)
    processes[victim].send_signal(number)
    begin = time.monotonic()
    others = {i: process for i, process in enumerate(processes) if i != victim}
    lost = dict.fromkeys(others, [victim])
    resumption.require_lost(others, lost, count, begin)
    processes[victim].kill()
    processes[victim].communicate()
    resumption.require_resumed(folder, expected, [2, 3, 4] if count == 4 else [count])


@pytest.mark.slow
@pytest.mark.parametrize("whom", [[0], [1], [0, 1]])
def test_a_signal_to_one_host_ends_all_with_the_state_saved(tmp_path, expected, whom):
    folder = tmp_path / "run"
    processes = resumption.start(folder, 2)
    resumption.wait_for_checkpoint(folder, processes)
    for index in whom:
        processes[index].send_signal(signal.SIGTERM)
    for code, errors in hosted.ends(processes, 30.0):
        assert code == 143, errors
        assert "the same command resumes" in errors
    rows = (folder / "host 0" / "metrics.jsonl").read_text().splitlines()
    saved = max(path.name for path in folder.glob("host 0/checkpoints/*/0*"))
    assert int(saved) == len(rows)
    resumption.require_resumed(folder, expected, [2])


@pytest.mark.slow
def test_killed_ten_times_at_random_two_hosts_end_in_the_same_bytes(tmp_path, kills=10):
    whole = resumption.finish(tmp_path / "whole", 2)
    moments, folder = random.Random(kills), tmp_path / "run"
    for kill in range(kills):
        for place in folder.glob("joined *"):
            place.unlink()
        processes = resumption.start(folder, 2, pause=3)
        resumption.wait_for(folder, "joined *", processes, count=2)
        time.sleep(moments.uniform(0.0, 6.0))
        victim = moments.randrange(2)
        assert all(process.poll() is None for process in processes), kill
        processes[victim].kill()
        begin = time.monotonic()
        processes[victim].communicate()
        other = {1 - victim: processes[1 - victim]}
        resumption.require_lost(other, {1 - victim: [victim]}, 2, begin)
    found = resumption.finish(folder, 2)
    assert found.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    resumption.require_every_step(folder)
