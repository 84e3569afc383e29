"""A lost host ends the others in time, and the same command resumes on any number."""

import json
import shutil
import signal
import time

import jax
import numpy as np
import pytest

from lec7 import hosts
from tests.faults import many_hosts
from tests.train import hosted

SLACK = 8.0  # seconds beside those after which a host is lost


@pytest.fixture(scope="module")
def expected():
    return hosted.trained("noisy", jax.devices()[:1], **many_hosts.STEPS)


def start(folder, count, pause=many_hosts.PAUSE):
    return hosted.start(["tests.faults.many_hosts", folder, pause], count)


def wait_for_checkpoint(folder, processes, seconds=240.0):
    """Return when the second checkpoint is there, and the training goes on."""
    deadline = time.monotonic() + seconds
    while not list(folder.glob("host 0/checkpoints/*/00000008/manifest.json")):
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline
        time.sleep(0.05)


def require_resumed(folder, expected, counts):
    """Let the same command go on, and compare with what was left alone."""
    for count in counts:
        place = folder if count == counts[-1] else folder.parent / f"copy {count}"
        if place != folder:
            shutil.copytree(folder, place)
        for code, told in hosted.ends(start(place, count, pause=0)):
            assert code == 0, told
        with np.load(place / "found.npz") as found:
            for name, value in expected.items():
                np.testing.assert_allclose(
                    found[name], value, rtol=2e-4, atol=2e-5, err_msg=name
                )
        lines = (place / "host 0" / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines] == list(range(40))


@pytest.mark.slow
def test_four_hosts_train_the_networks_of_one_process(tmp_path, expected):
    require_resumed(tmp_path / "run", expected, [4])


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
    processes = start(folder, count)
    wait_for_checkpoint(folder, processes)
    processes[victim].send_signal(number)
    begin = time.monotonic()
    others = [process for i, process in enumerate(processes) if i != victim]
    told = hosted.ends(others, many_hosts.LOST_AFTER + 2 * SLACK)
    seconds = time.monotonic() - begin
    processes[victim].kill()
    processes[victim].communicate()
    for code, errors in told:
        assert code == hosts.LOST, errors
        named = f"lec7: host {victim} of {count}"
        assert errors.count(named) == 1 and "is lost" in errors, errors
    assert seconds < many_hosts.LOST_AFTER + SLACK
    require_resumed(folder, expected, [2, 3, 4] if count == 4 else [count])


@pytest.mark.slow
@pytest.mark.parametrize("whom", [[0], [1], [0, 1]])
def test_a_signal_to_one_host_ends_all_with_the_state_saved(tmp_path, expected, whom):
    folder = tmp_path / "run"
    processes = start(folder, 2)
    wait_for_checkpoint(folder, processes)
    for index in whom:
        processes[index].send_signal(signal.SIGTERM)
    for code, errors in hosted.ends(processes, 30.0):
        assert code == 143, errors
        assert "the same command resumes" in errors
    rows = (folder / "host 0" / "metrics.jsonl").read_text().splitlines()
    saved = max(path.name for path in folder.glob("host 0/checkpoints/*/0*"))
    assert int(saved) == len(rows)
    require_resumed(folder, expected, [2])
