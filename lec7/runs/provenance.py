"""On what a run was made: versions, devices, processor, and the state of the code."""

import importlib.metadata
import pathlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "lec7")


def environment(devices: Sequence[Any], experiments: pathlib.Path) -> dict[str, Any]:
    """Return what could change the numbers of a run, or their speed, in JSON's types.

    Args:
      devices: the JAX devices of the run.
      experiments: the folder of the experiments, perhaps in a git repository.
    """
    return {
        "platform": devices[0].platform,
        "devices": [str(device) for device in devices],
        "device_kind": devices[0].device_kind,
        "system": platform.platform(),
        "processor": processor()["model name"],
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in _PACKAGES},
        "git": source_state(experiments),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a checkout on Python's path
        return "not installed"


def summary(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return what `environment` found as text to read, one line for each thing."""
    together = environment.get("together")
    shared = f"one population of {together} trials; the times are a share of its own"
    return {
        **({"trained in": shared} if together else {}),
        "devices": f"{len(environment['devices'])} x {environment['device_kind']}",
        "processor": environment["processor"],
        "system": environment["system"],
        **environment["versions"],
        "commit": state_text(environment["git"]),
    }


def told_by(attempt: Mapping[str, Any], experiments: pathlib.Path) -> dict[str, str]:
    """Return which code tells a run now, as a row to read, unless it has measured it.

    Args:
      attempt: that measured, as `environment` has it.
      experiments: the folder of the experiments.
    """
    now = source_state(experiments)
    if now != attempt["git"]:
        return {"told by commit": state_text(now)}
    version = _version("lec7")
    if now is None and version != attempt["versions"]["lec7"]:
        return {"told by lec7": version}
    return {}


def state_text(state: Mapping[str, Any] | None) -> str:
    """Return what `source_state` found as text to read."""
    if state is None:
        return "none, since lec7 is installed"
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


def source_state(folder: pathlib.Path) -> dict[str, Any] | None:
    """Return commit and whether tracked files differ from it; None without git.

    Args:
      folder: of the source. In a repository that does not track it, as that of a
        project with its own environment, there is no commit to tell.
    """
    describe = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    if not _git(folder, "ls-files", "."):
        return None
    commit, _, dirty = _git(folder, *describe).partition("-")
    return {"commit": commit, "dirty": dirty == "dirty"}


def _git(folder: pathlib.Path, *words: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()
