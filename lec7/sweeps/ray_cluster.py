"""Trials on a Ray cluster, whose machines share the sweep's folder.

A task of Ray runs the same command line as the pool does, in a process of its own: in
the driver's folder, with the variables of its environment that decide results. So the
machines need the same files under the same paths, and lec7. Ray is an extra of its own.
"""

import contextlib
import logging
import os
import pathlib
import re
import signal
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any

from lec7 import program, signals
from lec7.runs import exits
from lec7.sweeps.grouping import Task
from lec7.sweeps.processes import LOOK, Ended, Executor

_AHEAD = 2  # tasks that Ray is given for each that runs, so that none waits for us
_PATIENCE = 5.0  # seconds for a cluster to answer
_GRACE = 15.0  # seconds for trials to save their state
_OURS = re.compile(
    "JAX_.*|XLA_.*|LEC7_.*|PYTHONPATH|XDG_CACHE_HOME|O(MP|PENBLAS)_NUM_THREADS"
)
_RAYS = "OMP_NUM_THREADS"  # which Ray sets, and which would change the last bits


@contextlib.contextmanager
def joined(
    address: str, *, cpus: float = 1.0, gpus: float = 0.0
) -> Generator[Executor, None, None]:
    """Yield what runs tasks on a cluster.

    Args:
      address: HOST:PORT of its head, `auto` for the one that runs on this machine, or
        `local` for one that lives as long as this process.
      cpus: that a trial takes, as Ray counts them.
      gpus: that a trial takes.

    Raises:
      UsageError: Ray is not installed, there is no cluster, or it has less than that.
    """
    ray = _imported()
    _require_answer(address)
    handlers = {number: signal.getsignal(number) for number in (2, 15)}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    local = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise exits.UsageError(_unreachable(address, error)) from error
    try:
        for number, handler in handlers.items():  # since Ray's would end us at once
            signal.signal(number, handler)
        slots = _slots(ray, cpus, gpus)
        remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_attempt())

        def run(tasks: Iterable[Task]) -> Iterator[tuple[Task, Ended]]:
            return _run(ray, remote.remote, iter(tasks), _AHEAD * slots)

        yield Executor(run, slots)
    finally:
        ray.shutdown()


def _run(
    ray: Any, submit: Callable[[list[str]], Any], tasks: Iterator[Task], most: int
) -> Iterator[tuple[Task, Ended]]:
    running: dict[Any, Task] = {}
    try:
        while True:
            while len(running) < most and (task := next(tasks, None)):
                running[submit(task.words)] = task
            if not running:
                return
            done, _ = ray.wait([*running], timeout=LOOK)
            signals.check()
            for reference in done:
                yield running.pop(reference), _result(ray, reference)
    finally:
        for reference in running:
            ray.cancel(reference)
        if running:
            ray.wait([*running], num_returns=len(running), timeout=_GRACE)


def _result(ray: Any, reference: Any) -> Ended:
    try:
        code, said = ray.get(reference)
        return Ended(code, said.removeprefix(f"{program.name()}: "))
    except ray.exceptions.RayTaskError as error:
        return Ended(exits.BUG, str(error).strip().splitlines()[-1])
    except ray.exceptions.RayError as error:
        return Ended(
            -signal.SIGKILL, f"its Ray worker is lost ({type(error).__name__})"
        )


def _attempt() -> Callable[[list[str]], tuple[int, str]]:
    """Return what a worker runs, which brings all that it needs with it."""
    ours = {name: value for name, value in os.environ.items() if _OURS.fullmatch(name)}
    package = str(pathlib.Path(__file__).parent.parent.parent)
    here, unwanted = os.getcwd(), _RAYS

    def attempt(words: list[str]) -> tuple[int, str]:
        import os
        import sys

        os.chdir(here)
        if package not in sys.path:
            sys.path.insert(0, package)
        from lec7.sweeps import processes

        own = {name: value for name, value in os.environ.items() if name != unwanted}
        return tuple(processes.attempt(words, environment=own | ours))

    return attempt


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise exits.UsageError(
            "--ray: Ray is not installed; expected it: pip install 'lec7[ray]'"
        ) from error
    return ray


def _require_answer(address: str) -> None:
    """Refuse an address where nobody listens, on which Ray would wait for minutes.

    Raises:
      UsageError: nobody does.
    """
    found = re.fullmatch(r"(?:ray://)?\[?([^\s/]+?)\]?:(\d{1,5})", address)
    if address in ("auto", "local"):
        return
    if not found:
        raise exits.UsageError(
            f"--ray={address}: expected HOST:PORT of a cluster, or auto"
        )
    try:
        socket.create_connection((found[1], int(found[2])), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise exits.UsageError(_unreachable(address, error)) from error


def _unreachable(address: str, error: Exception) -> str:
    said = (str(error).splitlines() or [""])[0].rstrip(".")
    return (
        f"--ray={address}: no cluster answers ({said}); expected the address of one: "
        "`ray start --head` starts one and tells it"
    )


def _slots(ray: Any, cpus: float, gpus: float) -> int:
    """Return how many trials the cluster runs at the same time.

    Raises:
      UsageError: no machine of it has what one takes.
    """
    wanted: Mapping[str, float] = {"CPU": cpus, "GPU": gpus}
    slots = 0
    for node in ray.nodes():
        has = node["Resources"] if node["Alive"] else {}
        slots += min(
            (int(has.get(kind, 0.0) // n) for kind, n in wanted.items() if n), default=1
        )
    if not slots:
        all_ = ray.cluster_resources()
        raise exits.UsageError(
            f"--trial_cpus={cpus:g} --trial_gpus={gpus:g}: no machine of the cluster "
            f"has as many; all together have {all_.get('CPU', 0):g} CPUs and "
            f"{all_.get('GPU', 0):g} GPUs"
        )
    return slots
