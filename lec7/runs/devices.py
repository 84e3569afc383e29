"""The devices of a run: the first N accelerators, or N simulated on the CPU."""

import os
from typing import Any

from lec7.runs import exits

MOST = 256
"""Devices that a process may simulate; each takes two threads."""


def simulate_devices(count: int | None) -> None:
    """Let the CPU stand for `count` devices; call it before any backend starts.

    With fewer threads than two for each device, the collectives of a loop that does not
    wait can deadlock.

    Args:
      count: number of devices, None for one.

    Raises:
      UsageError: there are more than `MOST`.
    """
    if count is None:
        return
    if count > MOST:
        raise exits.UsageError(
            f"--devices={count}: expected at most {MOST}; each takes two threads"
        )
    import jax

    threads = max(2 * count, os.cpu_count() or 1)
    os.environ.setdefault("PJRT_NPROC", str(threads))
    jax.config.update("jax_num_cpu_devices", count)


def select_devices(count: int | None) -> tuple[Any, ...]:
    """Return the devices to compute on.

    Args:
      count: how many; None for every accelerator, or for one device on the CPU.

    Raises:
      UsageError: this machine has fewer accelerators.
    """
    import jax

    devices = jax.local_devices()
    if count is None:
        return tuple(devices[:1] if devices[0].platform == "cpu" else devices)
    if count > len(devices):
        raise exits.UsageError(
            f"--devices={count}: expected at most {len(devices)}, the number of "
            f"{devices[0].platform} devices of this machine"
        )
    return tuple(devices[:count])
