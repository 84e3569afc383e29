"""Seconds of one sweep by every executor, and whether all find the same bytes.

They are those of findings, claims and the table.

python -m tests.faults.measure_sweeps [PAIRS]
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from tests.sweeps import bench


@contextlib.contextmanager
def cluster(workers):
    """Yield the process of a Ray cluster, and its address."""
    # Sockets of Ray have no room for a long path.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="r") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.clusters", str(workers)],
            cwd=bench.ROOT,
            env=os.environ | {"PYTHONPATH": str(bench.ROOT), "RAY_TMPDIR": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError("the Ray cluster has not started")
            yield process, address
        finally:
            process.communicate()


def wait_for_trials(root, count, process):
    """Return when so many trials of a sweep are finished."""
    while len(bench.results(root)) < 2 * count and process.poll() is None:
        time.sleep(0.1)


def main(trials):
    """Print what each executor takes."""
    words = f"--sweep=rate=log(0.01,1,{trials // 2});noise=0.1,0.5"
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        whole = None
        for name, way in (
            ("one after another", ["--workers=1"]),
            ("a pool of 2", ["--workers=2"]),
            ("a pool of 4", ["--workers=4"]),
            ("Ray", []),
            ("Ray, one of two machines killed", ["0"]),
        ):
            place = bench.make(pathlib.Path(folder) / name.replace(" ", "_"))
            begin = time.monotonic()
            if way and way[0].startswith("--"):
                code, _, told = bench.finish(place, words, *way)
            else:
                code, told = on_ray(place, words, trials, way)
            seconds = time.monotonic() - begin
            found = bench.results(place / "sweep")
            count = len(found) // 2
            found["table"] = (place / "sweep" / "table.csv").read_bytes()
            whole = whole or found
            print(
                f"{name:34} {seconds:6.0f} s, exit {code}, {count} trials, "
                f"{'the same bytes' if found == whole else 'OTHER BYTES'} {told}",
                flush=True,
            )


def on_ray(place, words, trials, victims):
    """Return exit code and messages of a sweep on two machines."""
    with cluster(2) as (head, address):
        process = bench.start(place, words, f"--ray={address}")
        for victim in victims:
            wait_for_trials(place / "sweep", trials // 4, process)
            print(victim, file=head.stdin, flush=True)
        _, told = process.communicate()
        return process.returncode, told


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["40"])[0]))
