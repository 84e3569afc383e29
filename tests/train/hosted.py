"""Small trainings that several processes make together, and one process alone.

python -m tests.train.hosted INDEX PLACE PROCESSES FOLDER
"""

import functools
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import data, hosts, models, train, update_rules
from lec7.data import augment, disk

ROOT = pathlib.Path(__file__).parent.parent.parent
SHAPE, CLASSES, COUNT, BATCH = (4, 4, 1), 3, 50, 12
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8)
IMAGES = np.float32(PIXELS) / np.float32(255)
LABELS = RNG.integers(CLASSES, size=COUNT).astype(np.int32)
SPLITS = {"train": (IMAGES, LABELS), "test": (IMAGES[:13], LABELS[:13])}
STEPS = {"steps": 12, "evaluate_every": 4, "snapshot_every": 8, "checkpoint_every": 1}
HALF = STEPS | {"steps": 8}


class Stream:
    """Batches [B, ...], or the rows of one host alone."""

    def __init__(self, host=(0, 1)):
        each = BATCH // host[1]
        self._rows = slice(host[0] * each, (host[0] + 1) * each)
        self.read = 0

    def __getitem__(self, step):
        given = {"batch_size": BATCH, "num_examples": COUNT}
        rows = data.batch_indices(5, step, 1, **given)[0][self._rows]
        self.read += len(rows)
        return IMAGES[rows], LABELS[rows]


def on_disk():
    table = disk.plain_table(*SHAPE)
    read = PIXELS.__getitem__
    images = disk.DiskImages(read, np.arange(COUNT), table, SHAPE, "pixels")
    return SPLITS | {"train": (images, LABELS)}


def network(**options):
    return models.MLP(num_classes=CLASSES, widths=(6,), activation=jnp.tanh, **options)


def noisy(inner):
    """Everything that goes by the position in the batch, or over all of it."""
    rule = update_rules.sharpness_aware(inner, rho=0.5)
    flipped = augment.compose(augment.horizontal_flip())
    model = network(batch_norm=True, dropout=0.3)
    return model, rule, SPLITS, {"m": 1, "augment": flipped}


CASES = {
    "plain": lambda host: (network(), optax.adam(0.01), SPLITS, {}),
    "noisy": lambda host: noisy(optax.sgd(0.1)),
    "momentum": lambda host: noisy(optax.sgd(0.03, 0.9)),
    "disk": lambda host: (network(), optax.sgd(0.1), on_disk(), {}),
    "stream": lambda host: (network(), optax.sgd(0.1), Stream(host), {}),
}

TRIED = ("plain", "noisy", "disk", "stream")  # the other is for faults


def trained(case, devices, host=(0, 1), **given):
    """Return name -> array of all that a training comes to."""
    model, rule, dataset, options = CASES[case](host)
    watch = () if isinstance(dataset, Stream) else ("train",)
    population = train.train(
        model,
        rule,
        dataset,
        batch_size=BATCH,
        seeds=(0, 1),
        watch=watch,
        devices=devices,
        **{**STEPS, **options, **given},
    )
    kept = population._replace(opt_state=None)
    leaves, _ = jax.tree_util.tree_flatten_with_path(kept)
    return {f"{case}{jax.tree_util.keystr(path)}": leaf for path, leaf in leaves}


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def start(
    words: Sequence[object],
    count: int,
    *,
    address: str = "localhost",
    inside: Callable[[int], Sequence[str]] = lambda index: (),
    **environment: str,
):
    """Return the processes of a module that takes INDEX PLACE PROCESSES and words.

    Args:
      words: the module and what it takes besides.
      count: of the processes.
      address: of the first host.
      inside: index -> the words that run a command on that host.
      **environment: variables.
    """
    module, *words = words
    place = f"{address}:{free_port()}"
    return [
        subprocess.Popen(
            [*inside(index), sys.executable, "-m", module]
            + [str(word) for word in (index, place, count, *words)],
            cwd=ROOT,
            env=os.environ | {"JAX_PLATFORMS": "cpu", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


def ends(processes, seconds=900.0):
    """Return the exit code of each process and what it has said; none outlives it."""
    told, deadline = [], time.monotonic() + seconds
    try:
        for process in processes:
            left = max(0.1, deadline - time.monotonic())
            _, errors = process.communicate(timeout=left)
            told.append((process.returncode, errors))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return told


def main(index, place, count, folder):
    jax.config.update("jax_num_cpu_devices", 1)
    jax.config.update("jax_numpy_rank_promotion", "raise")
    here, many, folder = int(index), int(count), pathlib.Path(folder)
    with hosts.joined(coordinator=place, processes=many, index=here):
        of = functools.partial(trained, devices=hosts.devices(), host=(here, many))
        # Each host has a folder of its own, where only the first one's may be used.
        place = folder / f"host {here}"
        found = {}
        for case in TRIED:
            found |= of(case, folder=place / case)
        of("noisy", folder=place / "half", **HALF)
        resumed = of("noisy", folder=place / "begun")
        found |= {f"resumed {name}": value for name, value in resumed.items()}
        np.savez(folder / f"{here}.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
