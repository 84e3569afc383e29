"""How far each part of lec7 goes: one size after another, each in a process of its own.

Run: python -m benchmarks.scaling training 1e6 1e7 1e8       parameters, with Adam
     python -m benchmarks.scaling checkpoints 1e6 1e7 1e8    parameters, with Adam
     python -m benchmarks.scaling populations 1 10 100 1000  networks that train as one
     python -m benchmarks.scaling devices 1 8 64 256         simulated, in one process
     python -m benchmarks.scaling hosts 2 64 256             processes, without JAX
     python -m benchmarks.scaling average 1e4 1e6 1e8        bytes, between two hosts
     python -m benchmarks.scaling metrics 16 100 1000        networks, 1,000 updates
     python -m benchmarks.scaling findings 1e6 1e7           numbers in arrays

Times are those of the processor, which other processes disturb least; of files by the
clock / of the processor, of hosts by the clock.
`--memory=GB` limits the address space of each process; a size that does not fit is
told, and the next one is measured all the same. docs/scaling.md has what was found.
"""

import argparse
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import many_stars

Row = Mapping[str, str]


def checkpoints(parameters: int) -> Row:
    """Save and restore a network with the state of Adam."""
    import jax.numpy as jnp
    import optax

    from lec7 import train

    params = {"w": jnp.zeros((1, parameters))}
    state = train.TrainState(
        step=jnp.zeros(1, int),
        key=jnp.zeros(1),
        params=params,
        batch_stats={},
        opt_state=optax.adam(0.1).init(params),
    )
    before = _peak()
    with tempfile.TemporaryDirectory() as place:
        saving = _seconds(lambda: train.save(place, state, step=0))
        saved = _peak()
        size = sum(path.stat().st_size for path in pathlib.Path(place).rglob("*.*"))
        restoring = _seconds(lambda: train.restore_latest(place, state))
    return {
        "parameters": f"{parameters:,}",
        "on the disk": _bytes(size),
        "saving": " / ".join(saving),
        "restoring": " / ".join(restoring),
        "state in memory": _bytes(12 * parameters),
        "more to save": _bytes(saved - before),
        "more to restore": _bytes(_peak() - before),
    }


def training(parameters: int) -> Row:
    """Cost a training of an MLP with Adam, 32 examples an update."""
    import numpy as np

    from lec7 import models, train, update_rules

    width = int((parameters / 2) ** 0.5)
    x, y = np.zeros((32, width), np.float32), np.arange(32) % 10
    network = models.MLP(10, widths=(width, width))
    before = _peak()
    found = train.cost(
        network,
        update_rules.adam(0.001),
        (x, y),
        steps=100,
        batch_size=32,
        watch=(),
        clock=time.process_time,
    )
    state = found.bytes.parameters + found.bytes.optimiser
    return {
        "parameters": f"{found.parameters:,}",
        "with Adam's state": _bytes(state),
        "the compiled update": _bytes(found.bytes.peak),
        "more memory, measured": _bytes(_peak() - before),
        "FLOPs / 6 P B": f"{found.flops / (6 * found.parameters * 32):.2f}",
        "an update": f"{found.seconds.update:.3g} s",
    }


def populations(members: int) -> Row:
    """Cost a training of many networks as one, and of one."""
    found = _cost(members)
    return {
        "networks": f"{members}",
        "an update": _milliseconds(found.seconds.update),
        "an update of a network": _milliseconds(found.seconds.update / members),
        "an evaluation": _milliseconds(found.seconds.evaluation),
        "peak of the arrays": _bytes(found.bytes.peak),
        "compiling": f"{found.seconds.compile:.3g} s",
    }


def devices(count: int) -> Row:
    """Cost a training whose batches many simulated devices divide."""
    from lec7 import runs

    runs.simulate_devices(count)
    import jax

    found = _cost(1, batch_size=256, devices=jax.local_devices()[:count])
    return {
        "devices": f"{count}",
        "an update": _milliseconds(found.seconds.update),
        "compiling": f"{found.seconds.compile:.3g} s",
        "memory of the process": _bytes(_peak()),
    }


def _cost(members: int, **given: Any) -> Any:
    """Return the cost of MLPs with 4,810 parameters on the digits."""
    from lec7 import data, models, train, update_rules

    return train.cost(
        models.MLP(10, widths=(64,)),
        update_rules.adam(0.001),
        data.standardise(data.load("digits")),
        **{"steps": 1000, "batch_size": 32, "evaluate_every": 50} | given,
        seeds=range(members),
        clock=time.process_time,
    )


def hosts(count: int) -> Row:
    """Let light processes tell each other values, and beat."""
    found = many_stars.measure(count)
    return {"hosts": f"{count}"} | found


def average(size: int) -> Row:
    """Average an array between two processes, a device each."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.averaging", str(port), str(size)]
    pair = [
        subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True)
        for i in (0, 1)
    ]
    told = [process.communicate(timeout=300)[0] for process in pair]
    seconds = float(told[0].splitlines()[-1])
    return {
        "bytes": f"{size:,}",
        "an average": _milliseconds(seconds),
        "bytes a second": _bytes(size / seconds),
    }


def metrics(members: int) -> Row:
    """Write and read the lines of 1,000 updates, an evaluation after every 50."""
    import numpy as np

    from lec7 import train

    rng, active = np.random.default_rng(0), np.ones(members, bool)
    names = ("loss", "accuracy", "gradient_norm")
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place) / "metrics.jsonl"
        log = train.MetricsLog(path, "training")

        def write():
            for first in range(0, 1000, 50):
                rows = rng.random((50, members), np.float32)
                log.append(first, dict.fromkeys(names, rows), active, {})

        writing = _seconds(write)
        reading = _seconds(log.read)
        size = path.stat().st_size
    return {
        "networks": f"{members}",
        "on the disk": _bytes(size),
        "writing": " / ".join(writing),
        "reading": " / ".join(reading),
        "memory of the process": _bytes(_peak()),
    }


def findings(numbers: int) -> Row:
    """Save and load arrays as an experiment's findings are."""
    import numpy as np

    from lec7 import runs

    found = {"values": np.random.default_rng(0).random(numbers)}
    kind, about = dict[str, np.ndarray], {"experiment": "", "config": "{}"}
    before = _peak()
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place) / "findings.npz"
        saving = _seconds(lambda: runs.findings.save(path, found, kind, **about))
        loading = _seconds(lambda: runs.findings.load(path, kind, **about))
        size = path.stat().st_size
    return {
        "numbers": f"{numbers:,}",
        "on the disk": _bytes(size),
        "saving": " / ".join(saving),
        "loading": " / ".join(loading),
        "more memory": _bytes(_peak() - before),
    }


PARTS = (training, checkpoints, populations, devices, hosts, average, metrics, findings)


def _seconds(call: Callable[[], Any]) -> tuple[str, str]:
    """Return how long a call takes, by the clock and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    call()
    clock, processor = time.perf_counter() - began, time.process_time() - used
    return f"{clock:.2g} s", f"{processor:.2g} s"


def _peak() -> int:
    """Return the most memory that this process has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _bytes(count: float) -> str:
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def main(words: list[str]) -> int:
    """Measure a part at every size, and print a table; return the exit code."""
    reader = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reader.add_argument("part", choices=[part.__name__ for part in PARTS])
    reader.add_argument("sizes", type=float, nargs="+")
    reader.add_argument("--memory", type=float, help="gigabytes of address space")
    reader.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = reader.parse_args(words)
    if given.here:
        if given.memory:
            limit = int(1e9 * given.memory)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        (measure,) = (part for part in PARTS if part.__name__ == given.part)
        out = os.dup(1)
        os.dup2(2, 1)  # where collectives greet each other
        row = measure(int(given.sizes[0]))
        os.write(out, f"{json.dumps(row)}\n".encode())
        return 0
    header = None
    for size in given.sizes:
        row = _elsewhere(given, size)
        if header is None and len(row) > 1:
            header = list(row)
            print(f"| {' | '.join(header)} |\n{'|---' * len(header)}|")
        print(f"| {' | '.join(row.values())} |", flush=True)
    return 0


def _elsewhere(given: argparse.Namespace, size: float) -> Row:
    """Return what another process finds at one size, or how it ended."""
    command = [sys.executable, "-m", "benchmarks.scaling", given.part, str(size)]
    command += ["--here", *([f"--memory={given.memory}"] if given.memory else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        return {given.part: f"{size:,.0f}: ended with {done.returncode}, {told}"}
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
