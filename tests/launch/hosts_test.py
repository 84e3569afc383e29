import pathlib
import socket
import subprocess
import sys

import pytest

from lec7 import report

ROOT = pathlib.Path(__file__).parent.parent.parent
SMALL = ["--experiment=fake", "--config.batch_size=2"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_flags_of_hosts_go_with_distributed_alone(launch, capfd):
    assert launch(*SMALL, "--num_processes=2") == 2
    assert "--num_processes is given without --distributed" in capfd.readouterr().err
    assert launch("--list", "--distributed") == 2
    assert "--list and --distributed do not go together" in capfd.readouterr().err


@pytest.mark.slow
def test_two_hosts_make_the_run_that_one_makes(place):
    small = ["--experiment=bias_correction", "--config.seeds", "0", "1", "2"]
    small += ["--config.max_steps=20", "--config.rates", "1e-3", "1e-2"]
    small += ["--config.surface_rates=3"]
    meet = [f"--coordinator=127.0.0.1:{free_port()}", "--num_processes=2"]
    hosts = [
        subprocess.Popen(
            [sys.executable, ROOT / "launch.py", *small, "--distributed", *meet]
            + [f"--process_id={index}", f"--workdir={place / 'both'}"],
            cwd=ROOT,
        )
        for index in (0, 1)
    ]
    assert [host.wait() for host in hosts] == [0, 0]
    alone = [sys.executable, ROOT / "launch.py", *small, f"--workdir={place / 'one'}"]
    subprocess.run(alone, cwd=ROOT, check=True)
    one, both = (
        report.read_claims(place / name / "claims.json") for name in ("one", "both")
    )
    assert [claim.id for claim in one] == [claim.id for claim in both]
    for a, b in zip(one, both, strict=True):
        assert a.verdict == b.verdict
        assert a.effect == pytest.approx(b.effect, rel=1e-3)
