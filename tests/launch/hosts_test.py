"""The command line on several hosts."""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
from flax import serialization, traverse_util

from lec7 import report
from tests.faults import resumption
from tests.train import hosted

ROOT = pathlib.Path(__file__).parent.parent.parent
SMALL = ["--experiment=fake", "--config.batch_size=2"]


def test_flags_of_hosts_go_with_distributed_alone(launch, capfd):
    assert launch(*SMALL, "--num_processes=2") == 2
    assert "--num_processes is given without --distributed" in capfd.readouterr().err
    assert launch("--list", "--distributed") == 2
    assert "--list and --distributed do not go together" in capfd.readouterr().err


def begin(folder, count, *words):
    """Return the processes of a command on so many hosts, 0 for none of this kind."""
    meet = [f"--coordinator=127.0.0.1:{hosted.free_port()}", f"--num_processes={count}"]
    meet += ["--distributed", "--lost_after=8"]
    command = [sys.executable, ROOT / "launch.py", *words, f"--workdir={folder}"]
    return [
        subprocess.Popen(
            [*command, *([*meet, f"--process_id={index}"] if count else [])],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(max(1, count))
    ]


def finish(folder, count, *words):
    for code, told in hosted.ends(begin(folder, count, *words)):
        assert code == 0, told


def networks(folder):
    """Return all that the last checkpoints of a run have learned, by name."""
    found = {}
    for place in sorted((folder / "checkpoints").iterdir()):
        (last,) = sorted(place.glob("0*/state.msgpack"))[-1:]
        state = serialization.msgpack_restore(last.read_bytes())["state"]
        for part in ("params", "batch_stats"):
            for name, leaf in traverse_util.flatten_dict(state[part], sep="/").items():
                found[f"{place.name}: {part}/{name}"] = leaf
    return found


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_hosts_make_the_run_that_one_makes(place, count):
    small = ["--experiment=bias_correction", "--config.seeds", "0", "1", "2"]
    small += ["--config.max_steps=20", "--config.rates", "1e-3", "1e-2"]
    small += ["--config.surface_rates=3"]
    finish(place / "all", count, *small)
    finish(place / "one", 0, *small)
    one, both = (
        report.read_claims(place / name / "claims.json") for name in ("one", "all")
    )
    assert [claim.id for claim in one] == [claim.id for claim in both]
    for a, b in zip(one, both, strict=True):
        assert a.verdict == b.verdict
        assert a.effect == pytest.approx(b.effect, rel=1e-3)
    expected, found = networks(place / "one"), networks(place / "all")
    assert found.keys() == expected.keys()
    for name, leaf in expected.items():
        np.testing.assert_allclose(
            found[name], leaf, rtol=1e-3, atol=1e-4, err_msg=name
        )


@pytest.mark.slow
def test_a_run_whose_host_is_killed_says_so_and_resumes(place):
    small = ["--experiment=decay", "--config.dataset=digits", "--config.seeds", "0"]
    small += ["1", "--config.width=8", "--config.updates=48"]
    small += ["--config.evaluate_every=2"]
    finish(place / "whole", 2, *small)
    folder = place / "run"
    processes = begin(folder, 2, *small)
    resumption.wait_for(folder, "checkpoints/*/*/manifest.json", processes)
    processes[1].kill()
    resumption.require_lost({0: processes[0]}, {0: [1]}, 2, time.monotonic())
    processes[1].communicate()
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert record["attempts"][-1]["exit"] == 9
    assert "host 1 of 2" in record["attempts"][-1]["error"]
    finish(folder, 2, *small)
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    for name in ("claims.json", "metrics.jsonl"):
        assert (folder / name).read_bytes() == (place / "whole" / name).read_bytes()
