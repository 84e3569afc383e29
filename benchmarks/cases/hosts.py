"""What it costs to train on many hosts: JAX's distributed mode, and weak scaling.

Every training is a process, or several, bound to a core each while there are as many,
and makes its updates when it is told to on its standard input:

python -m benchmarks.cases.hosts INDEX PORT PROCESSES UPDATES
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable

from benchmarks import case, machine

BATCH = 32  # examples an update, of each process


def overhead(stack: contextlib.ExitStack) -> case.Case:
    """One process in JAX's distributed mode, and without it."""
    runs = {
        case.OURS: _started(stack, 1, 400),
        "no --distributed": _started(stack, 0, 400),
    }
    return case.Case(runs, 400)


def weak_scaling(stack: contextlib.ExitStack, *, processes: int) -> case.Case:
    """Several processes, with as many times the batch, and one."""
    runs = {
        case.OURS: _started(stack, processes, 100),
        "one process": _started(stack, 1, 100),
    }
    return case.Case(runs, 100)


def _started(
    stack: contextlib.ExitStack, count: int, updates: int
) -> Callable[[], list[str]]:
    """Return a call of some processes, 0 for one that is not distributed."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, *map(str, (index, port, count, updates))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for index in range(max(1, count))
    ]
    machine.WORKERS.update(process.pid for process in processes)
    for process in processes:
        stack.callback(_end, process)

    def run():
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.stdout.readline() for process in processes]
        if not all(told):
            raise RuntimeError(f"a process of {max(1, count)} has ended")
        return told

    return run


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.communicate()
    machine.WORKERS.discard(process.pid)


def main(index: int, port: int, count: int, updates: int) -> None:
    """Train as often as a line comes."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[index % len(cores)]})
    import jax
    import numpy as np

    from benchmarks.cases import trainings
    from lec7 import data, hosts, models, update_rules

    out = os.dup(1)
    os.dup2(2, 1)  # where collectives of the CPU greet each other
    jax.config.update("jax_num_cpu_devices", 1)
    if count:
        hosts.join(coordinator=f"localhost:{port}", processes=count, index=index)
    devices = hosts.devices()
    training = trainings.Training(
        models.MLP(10),
        update_rules.momentum(trainings.RATE, decay=0.9),
        tuple(map(np.asarray, data.standardise(data.load("digits")).train)),
        batch_size=BATCH * len(devices),
        evaluate_every=updates,
        devices=devices,
    )
    for _ in sys.stdin:
        os.write(out, f"{training()}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
