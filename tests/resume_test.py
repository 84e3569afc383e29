"""Killed at any time and started again, a run ends in the bytes of one that was not."""

import os
import pathlib
import random
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parent.parent
COMMANDS = {
    "decay": [
        "--config.dataset=digits",
        *("--config.seeds", "0", "1"),
        "--config.width=8",
        "--config.updates=48",
        "--config.evaluate_every=2",
    ],
    "sharp_vs_flat": [
        "--config.dataset=digits",
        *("--config.seeds", "0", "1"),
        "--config.batch_norm=True",
        "--config.rule=adam",
        "--config.learning_rate=0.003",
        "--config.stop_loss=1e-9",
        "--config.max_steps=48",
        "--config.evaluate_every=2",
        "--config.large_batch=32",
        "--config.measures=hessian_max",
        "--config.order=4",
        "--config.bend_steps=2",
        "--config.probes=4",
        "--config.starts=1",
        "--config.resolution=3",
    ],
}


def start(experiment, folder, records):
    environment = os.environ | {
        "LEC7_DATA_DIR": str(records / "data"),
        "XDG_CACHE_HOME": str(records / "cache"),
    }
    return subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "launch.py")),
            *(f"--experiment={experiment}", f"--workdir={folder}"),
            *COMMANDS[experiment],
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(experiment, folder, records):
    process = start(experiment, folder, records)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


def results(folder):
    """Return the bytes of all that a run has learned, by file."""
    paths = [
        folder / "metrics.jsonl",
        folder / "claims.json",
        *folder.glob("checkpoints/*/*/state.msgpack"),
    ]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("experiment", COMMANDS)
def test_a_run_that_is_killed_ends_in_the_same_bytes(tmp_path, experiment, kills=10):
    finish(experiment, tmp_path / "whole", tmp_path)
    begin = time.monotonic()
    finish(experiment, tmp_path / "timed", tmp_path)
    seconds = time.monotonic() - begin
    assert results(tmp_path / "timed") == results(tmp_path / "whole")

    moments = random.Random(kills)
    killed = finished = 0
    while killed < kills:
        folder = tmp_path / f"killed_{finished}"
        process = start(experiment, folder, tmp_path)
        try:
            process.communicate(timeout=moments.uniform(0.3, 0.9) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
        else:
            assert results(folder) == results(tmp_path / "whole")
            finished += 1
    folder = tmp_path / f"killed_{finished}"
    finish(experiment, folder, tmp_path)
    assert results(folder) == results(tmp_path / "whole")
