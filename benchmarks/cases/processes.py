"""From the start of a process to its first update, and pmap on one device."""

import contextlib
import functools
import pathlib
import subprocess
import sys
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import case
from lec7 import losses, models, train, update_rules
from lec7.train import step

ROOT = pathlib.Path(__file__).parent.parent.parent
SLOWEST = 300.0  # seconds to the first update


def start(stack: contextlib.ExitStack) -> case.Case:
    """The README's first command until its first updates are on disk.

    The first run fills the cache of compiled programs, and is not counted.
    """
    del stack
    return case.Case({case.OURS: _first_update})


def _first_update() -> int:
    with tempfile.TemporaryDirectory() as folder:
        metrics = pathlib.Path(folder) / "run" / "metrics.jsonl"
        command = ["launch.py", "--experiment=sharp_vs_flat"]
        with subprocess.Popen(
            [sys.executable, *command, f"--workdir={metrics.parent}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            end = time.monotonic() + SLOWEST
            while not (metrics.exists() and metrics.stat().st_size):
                if process.poll() is not None or time.monotonic() > end:
                    process.kill()
                    raise RuntimeError(f"{' '.join(command)} made no update")
                time.sleep(0.005)
            process.kill()  # since its end is not timed; what it compiled stays
    return process.returncode


def pmap(stack: contextlib.ExitStack) -> case.Case:
    """An update of an MLP a dispatch: the same program by pmap and by jit."""
    del stack
    model, count = models.MLP(10), 200
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.normal(size=(32, 64)), jnp.float32)
    batch = images, jnp.asarray(rng.integers(10, size=32))
    rule = update_rules.momentum(0.05)
    make = functools.partial(train.make_step, model, rule, losses.cross_entropy)

    def fetch(data, slot):
        return jax.tree.map(lambda leaf: leaf[None], data)

    mapped = train.make_advance(
        make(axis_name=train.DEVICE_AXIS), fetch, jax.devices()[:1]
    )
    population = train.initial_population(
        functools.partial(models.initialise, model, input_shape=(64,)), rule, (0,)
    )
    slots, active = np.zeros((1, 1, 1), np.int32), np.ones(1, bool)
    advance = step.over_steps(jax.vmap(make()), fetch)
    jitted = jax.jit(
        lambda state, data, slots, active: advance(state, data, slots[0], active),
        donate_argnums=0,
    )

    def repeated(program):
        state = jax.tree.map(jnp.copy, population)

        def run():
            nonlocal state
            for _ in range(count):
                state, metrics = program(state, batch, slots, active)
            return jax.block_until_ready((state, metrics))

        return run

    runs = {case.OURS: repeated(mapped), "jit": repeated(jitted)}
    return case.Case(runs, count)
