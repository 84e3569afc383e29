"""A slow training of several processes, to be disturbed.

python -m tests.faults.many_hosts INDEX PLACE PROCESSES FOLDER SECONDS [BREAKAGE]
"""

import pathlib
import sys
import time

import jax
import numpy as np

from lec7 import hosts, runs, signals
from tests.faults import breakages
from tests.train import hosted

LOST_AFTER = 8.0
PAUSE = 0.3  # seconds between two evaluations
STEPS = {"steps": 40, "evaluate_every": 2, "checkpoint_every": 2, "snapshot_every": 20}


def main(index, place, count, folder, pause, broken=""):
    """Train, and save what came of it on the first host."""
    jax.config.update("jax_num_cpu_devices", 1)
    if broken:
        breakages.BREAKAGES[broken]()
    with hosts.joined(
        coordinator=place,
        processes=int(count),
        index=int(index),
        lost_after=LOST_AFTER,
        exit_code=runs.exit_code,
    ):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        (pathlib.Path(folder) / f"joined {index}").touch()
        found = hosted.trained(
            "momentum",
            hosts.devices(),
            folder=pathlib.Path(folder) / f"host {index}",
            progress=lambda step, **_: time.sleep(float(pause)),
            **STEPS,
        )
        if hosts.is_first():
            np.savez(pathlib.Path(folder) / "found.npz", **found)


if __name__ == "__main__":
    signals.install("many_hosts")
    code = 0
    try:
        main(*sys.argv[1:])
    except (Exception, KeyboardInterrupt) as error:
        code = runs.exit_code(error)
        print(error, file=sys.stderr)
    signals.leave(code)
