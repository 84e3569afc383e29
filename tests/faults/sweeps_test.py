"""Whatever happens to a sweep, it ends in the bytes of one that was left alone."""

import contextlib
import json
import os
import random
import signal
import time

import pytest

from tests.faults import measure_sweeps
from tests.sweeps import bench

BASE = ("--config.wait=0.2", "--workers=2")
KILLS = 8
BROKEN = {
    "a trial that is not finished is skipped": (
        "sweeps/sweep_folder.py",
        'return record.get("status") == "finished" and not',
        "return place.exists() and not",
    ),
    "a trial that is tried again has another seed": (
        "sweeps/engine.py",
        "lost.append(task)",
        'lost.append(task._replace(words=[*task.words, "--config.seeds", "7"]))',
    ),
    "the trials of a resumed search are drawn again": (
        "sweeps/points.py",
        "SeedSequence(seed, spawn_key=(trial,))",
        "SeedSequence(seed, spawn_key=(trial, __import__('os').getpid()))",
    ),
    "a process that was killed counts as one that found something": (
        "sweeps/processes.py",
        "return self.code < 0 or",
        "return",
    ),
}
DRAWN = ("--sweep=rate=log(0.01,1);noise=0.1,0.5", f"--trials={bench.TRIALS}")


@pytest.fixture(scope="module", params=["grid", "search"])
def whole(request, tmp_path_factory):
    """The words of a sweep, and what it finds when it is left alone."""
    words = BASE if request.param == "grid" else (*BASE, *DRAWN)
    return words, left_alone(tmp_path_factory.mktemp("whole"), words)


def left_alone(folder, words):
    place = bench.make(folder / "place")
    code, _, told = bench.finish(place, *words)
    assert code == 0, told
    found = bench.results(place / "sweep")
    assert len(found) == 2 * bench.TRIALS
    return found


def require_whole(place, words, expected, tries=1):
    """Let the same command finish, and compare."""
    for _ in range(tries):
        code, _, told = bench.finish(place, *words)
        if code == 0:
            break
    assert code == 0, told
    assert bench.results(place / "sweep") == expected


def kill(number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def wait_for(condition, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_under_way(place):
    """Return whether a trial is finished and another has begun to measure."""
    ended = {path.parent for path in place.glob("sweep/trials/*/claims.json")}
    begun = {path.parent.parent for path in place.glob("sweep/trials/*/parts/*.npz")}
    return bool(ended and begun - ended)


@pytest.mark.slow
def test_trials_that_are_killed_are_tried_again(tmp_path, whole):
    words, expected = whole
    place, moments = bench.make(tmp_path / "place"), random.Random(0)
    process = bench.start(place, *words)
    killed = []
    while process.poll() is None:
        time.sleep(moments.uniform(0.2, 4.0))
        running = [
            (number, trial)
            for number, trial in bench.processes_of(place).items()
            if killed.count(trial) < 3
        ]
        if running and len(killed) < KILLS:
            number, trial = moments.choice(running)
            kill(number)
            killed.append(trial)
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert len(killed) >= 4
    assert bench.results(place / "sweep") == expected


@pytest.mark.slow
def test_a_driver_that_is_killed_takes_its_trials_along_and_resumes(tmp_path, whole):
    words, expected = whole
    place, moments = bench.make(tmp_path / "place"), random.Random(1)
    for _ in range(KILLS):
        process = bench.start(place, *words)
        time.sleep(moments.uniform(0.5, 12.0))
        kill(process.pid)
        process.communicate()
        if moments.random() < 0.5:  # else the next driver meets what still ends
            wait_for(lambda: not bench.processes_of(place), 10.0)
    require_whole(place, words, expected)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_in_order_and_the_same_command_resumes(
    tmp_path, whole, number
):
    words, expected = whole
    place = bench.make(tmp_path / "place")
    process = bench.start(place, *words)
    wait_for(lambda: is_under_way(place))
    if number == signal.SIGINT:  # which a terminal sends to all of a group
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 128 + number, told
    assert "the same command resumes" in told
    assert "Traceback" not in told
    assert not bench.processes_of(place)
    records = place.glob("sweep/trials/*/run.json")
    found = {json.loads(path.read_text())["status"] for path in records}
    assert found <= {"finished", "interrupted"}
    require_whole(place, words, expected)


@pytest.mark.slow
def test_a_second_driver_is_refused_and_disturbs_nothing(tmp_path, whole):
    words, expected = whole
    place = bench.make(tmp_path / "place")
    process = bench.start(place, *words)
    wait_for(lambda: is_under_way(place))
    code, _, told = bench.finish(place, *words)
    assert code == 7
    assert f"in use by process {process.pid}" in told
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert bench.results(place / "sweep") == expected


@pytest.mark.slow
def test_a_disk_that_is_full_for_one_trial_leaves_the_others(tmp_path):
    expected = left_alone(tmp_path, BASE)
    place = bench.make(tmp_path / "place 2")
    code, out, told = bench.finish(place, *BASE, WALK_FULL="0.1")
    assert code == 6
    assert f"{bench.TRIALS - 2} of {bench.TRIALS} trials are finished" in out
    assert "2 trials failed; the same command tries them again" in told
    others = {name: expected[name] for name in bench.results(place / "sweep")}
    assert bench.results(place / "sweep") == others
    require_whole(place, BASE, expected)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """What a random search finds when it is left alone."""
    return left_alone(tmp_path_factory.mktemp("drawn"), (*BASE, *DRAWN))


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, *BROKEN])
def test_a_resume_that_is_broken_on_purpose_is_seen(tmp_path, drawn, name):
    words = (*BASE, *DRAWN)
    place = bench.make(tmp_path / "place", BROKEN.get(name, ()))
    process = bench.start(place, *words)
    wait_for(lambda: is_under_way(place))
    kill(process.pid)
    process.communicate()
    wait_for(lambda: not bench.processes_of(place))
    process = bench.start(place, *words)
    wait_for(lambda: bench.processes_of(place) or process.poll() is not None)
    for number in bench.processes_of(place):
        kill(number)
    process.communicate()
    is_right = process.returncode == 0 and bench.results(place / "sweep") == drawn
    assert is_right == (name is None)


@pytest.mark.slow
def test_a_ray_cluster_that_loses_a_machine_finds_the_same(tmp_path):
    pytest.importorskip("ray")
    expected = left_alone(tmp_path, BASE)
    place, words = bench.make(tmp_path / "ray"), ("--config.wait=0.2",)
    with measure_sweeps.cluster(2) as (head, address):
        process = bench.start(place, *words, f"--ray={address}")
        wait_for(lambda: is_under_way(place))
        print(0, file=head.stdin, flush=True)
        _, told = process.communicate()
    assert process.returncode == 0, told
    assert bench.results(place / "sweep") == expected


@pytest.mark.slow
def test_a_driver_of_a_ray_cluster_that_is_killed_resumes(tmp_path):
    pytest.importorskip("ray")
    expected = left_alone(tmp_path, BASE)
    place, words = bench.make(tmp_path / "ray"), ("--config.wait=0.2",)
    with measure_sweeps.cluster(2) as (_, address):
        for number in (signal.SIGKILL, signal.SIGTERM):
            process = bench.start(place, *words, f"--ray={address}")
            wait_for(lambda: is_under_way(place))
            process.send_signal(number)
            process.communicate()
            assert process.returncode in (-number, 128 + number)
        require_whole(place, [*words, f"--ray={address}"], expected)
