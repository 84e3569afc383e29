"""Memory is estimated before it is allocated: the system ends who takes too much."""

import pathlib
import resource
from typing import Any

_SMALL = 1e8  # bytes about which nobody is asked
_GROUP = pathlib.Path("/sys/fs/cgroup")


class TooLargeError(MemoryError):
    """What is asked for needs more memory than there is."""

    exit_code = 2


def require(size: float, what: str, device: Any) -> None:
    """Check that something fits.

    Args:
      size: bytes that it takes at the least.
      what: it is, and on what its size depends; begins the message.
      device: of JAX, on which it is to be.

    Raises:
      TooLargeError: the device has not so much left.
    """
    left = float("inf") if size <= _SMALL else available(device)
    if size > left:
        raise TooLargeError(
            f"{what} need at least {size / 1e9:,.1f} GB; expected at most "
            f"{left / 1e9:,.1f} GB, which {device.device_kind} has left: choose less"
        )


def require_host(size: float, what: str) -> None:
    """Check that arrays of the host fit, as `require` does."""
    if size > _SMALL:
        import jax

        require(size, what, jax.local_devices(backend="cpu")[0])


def available(device: Any) -> float:
    """Return the bytes that a device has left; infinity where nothing tells."""
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    told = [limit - _mapped()] if limit != resource.RLIM_INFINITY else []
    system = _words(pathlib.Path("/proc/meminfo"))
    if "MemAvailable:" in system:
        told.append(1024 * int(system[system.index("MemAvailable:") + 1]))
    most, used = (_words(_GROUP / f"memory.{name}") for name in ("max", "current"))
    if used and most and most[0].isdigit():
        told.append(int(most[0]) - int(used[0]))
    return min(told, default=float("inf"))


def _mapped() -> int:
    """Return the bytes of addresses that this process has taken."""
    pages = _words(pathlib.Path("/proc/self/statm"))
    return int(pages[0]) * resource.getpagesize() if pages else 0


def _words(path: pathlib.Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
