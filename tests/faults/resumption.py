"""Starts of a training on many hosts, and what a resume of it must come to."""

import json
import pathlib
import shutil
import time

import jax
import numpy as np

from tests.faults import many_hosts
from tests.train import hosted

SLACK = 8.0  # seconds beside those after which a host is lost
ROUNDING = {"rtol": 2e-4, "atol": 2e-5}


def alone(**given):
    """Return what one process trains."""
    options = {**many_hosts.STEPS, **given}
    return hosted.trained("momentum", jax.devices()[:1], **options)


def start(folder, count, pause=many_hosts.PAUSE, broken="", **network):
    """Return the processes of the training, which goes on where it can."""
    words = ["tests.faults.many_hosts", folder, pause, broken]
    return hosted.start(words, count, **network)


def wait_for_checkpoint(folder, processes):
    """Return when the second checkpoint is there, and the training goes on."""
    wait_for(folder, "host 0/checkpoints/*/00000008/manifest.json", processes)


def wait_for(folder, pattern, processes, count=1, seconds=900.0):
    """Return when there are so many files; end all processes if they do not come."""
    deadline = time.monotonic() + seconds
    while len(list(folder.glob(pattern))) < count:
        ended = any(process.poll() is not None for process in processes)
        if ended or time.monotonic() > deadline:
            for process in processes:
                process.kill()
            raise AssertionError(f"{pattern} did not come: {hosted.ends(processes)}")
        time.sleep(0.05)


def finish(folder, count, broken="", **network):
    """Let the same command end, and return what it has found."""
    processes = start(folder, count, pause=0, broken=broken, **network)
    for code, told in hosted.ends(processes):
        assert code == 0, told
    with np.load(folder / "found.npz") as found:
        return dict(found)


def require_resumed(folder, expected, counts, **network):
    """Let the same command go on, and compare with what was left alone."""
    for count in counts:
        place = folder if count == counts[-1] else folder.parent / f"copy {count}"
        if place != folder:
            shutil.copytree(folder, place)
        require_equal(finish(place, count, **network), expected)
        require_every_step(place)


def require_equal(found, expected):
    """Compare arrays by name, to rounding."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name, **ROUNDING)


def require_every_step(folder: pathlib.Path):
    """Compare the steps of the metrics with those of a training left alone."""
    lines = (folder / "host 0" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(40))


def require_lost(processes, lost, count, begin):
    """Let those that are not lost end in time, and name one that is.

    Args:
      processes: number of a host -> its process, of those that are to end.
      lost: number of a host -> those of the hosts that it may call lost.
      count: of all hosts.
      begin: when the fault was, by the monotonic clock.
    """
    told = hosted.ends(processes.values(), many_hosts.LOST_AFTER + 2 * SLACK)
    seconds = time.monotonic() - begin
    for index, (code, errors) in zip(processes, told, strict=True):
        assert code == 9, errors
        named = [other for other in range(count) if f"host {other} of" in errors]
        assert len(named) == 1 and set(named) <= set(lost[index]), errors
        assert errors.count("is lost") == 1, errors
    assert seconds < many_hosts.LOST_AFTER + SLACK
    return seconds
