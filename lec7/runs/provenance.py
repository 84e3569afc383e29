"""On what a run was made: versions, devices, processor, and the state of the code."""

import importlib.metadata
import pathlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "lec7")


def environment(devices: Sequence[Any], checkout: pathlib.Path) -> dict[str, Any]:
    """Return what could change the numbers of a run, or their speed, in JSON's types.

    Args:
      devices: the JAX devices of the run.
      checkout: the folder of `launch.py`, perhaps in a git repository.
    """
    return {
        "platform": devices[0].platform,
        "devices": [str(device) for device in devices],
        "device_kind": devices[0].device_kind,
        "system": platform.platform(),
        "processor": processor()["model name"],
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in _PACKAGES},
        "git": source_state(checkout),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a checkout on Python's path
        return "not installed"


def summary(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return what `environment` found as text to read, one line for each thing."""
    return {
        "devices": f"{len(environment['devices'])} x {environment['device_kind']}",
        "processor": environment["processor"],
        "system": environment["system"],
        **environment["versions"],
        "commit": state_text(environment["git"]),
    }


def state_text(state: Mapping[str, Any] | None) -> str:
    """Return what `source_state` found as text to read."""
    if state is None:
        return "unknown"
    return state["commit"] + (", changed since" if state["dirty"] else "")


def processor() -> dict[str, str]:
    """Return the `model name` of the processor and its instruction-set `flags`."""
    found = {"model name": platform.processor() or platform.machine(), "flags": ""}
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return found
    for line in reversed(lines):
        name, _, value = line.partition(":")
        if name.strip() in found:
            found[name.strip()] = value.strip()
    return found


def source_state(checkout: pathlib.Path) -> dict[str, Any] | None:
    """Return commit and whether tracked files differ from it; None without git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(
            command, cwd=checkout, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    commit, _, dirty = answer.stdout.strip().partition("-")
    return {"commit": commit, "dirty": dirty == "dirty"}
