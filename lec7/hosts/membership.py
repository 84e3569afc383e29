"""Joining the other hosts and leaving them, and what they do together in between."""

import atexit
import contextlib
import ctypes
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from lec7.hosts import address, arrival, line, star

Value = TypeVar("Value")

LOST_AFTER = 60.0
"""Seconds without a sign of life after which a host is lost."""
START = 300.0
"""Seconds in which all hosts must have come."""
_SLACK = 10  # JAX ends a process with a stack trace, and is to be later than we are
_HEARING = 10.0  # seconds in which the cause of an error on another host is heard of
_INVITATION = 1024  # bytes

_star: star.Star | None = None
_count = 1
_kept: list[Any] = []  # what C calls must not be freed


def index() -> int:
    """Return the number of this host, 0 for the first."""
    return 0 if _star is None else _star.index


def count() -> int:
    """Return the number of hosts."""
    return 1 if _star is None else _star.count


def is_first() -> bool:
    """Return whether this host reads and writes the run's folder."""
    return index() == 0


def from_first(make: Callable[[], Value]) -> Value:
    """Return what the first host makes; the others wait for it.

    Args:
      make: is called on the first host alone. What it returns is pickled.

    Example:
      >>> from_first(lambda: 3)
      3
    """
    if _star is None:
        return make()
    return _star.from_first(make() if is_first() else None)


def gathered(payload: bytes) -> list[bytes]:
    """Return the payloads of all hosts in their order, on every host.

    Example:
      >>> gathered(b"here")
      [b'here']
    """
    return [payload] if _star is None else _star.gathered(payload)


def agreed(number: int) -> int:
    """Return the largest of the numbers, 0 to 255, that the hosts have given."""
    return number if _star is None else max(map(max, gathered(bytes([number]))))


def mark() -> None:
    """Note that this host goes on to what all do together, such as an update."""
    if _star is not None:
        _star.mark()


def at_end(note: Callable[[int, str], None]) -> None:
    """Let a note be made where the loss or the error of another host ends this one.

    Args:
      note: is called with the exit code and the message, in a thread beside the main
        one, and has two seconds.
    """
    if _star is not None:
        _star.note = note


def first_differing(told: dict[str, Any]) -> str | None:
    """Return the first key at which another host has told something else, or None."""
    if _star is None:
        return None
    mine, *others = map(json.loads, gathered(json.dumps(told).encode()))
    differing = [key for key in mine for other in others if other.get(key) != mine[key]]
    return differing[0] if differing else None


def devices(each: int | None = None) -> tuple[Any, ...]:
    """Return the devices of all hosts, those of this one first.

    Args:
      each: how many of every host; all unless given.

    Raises:
      ValueError: a host has fewer.
    """
    import jax

    of = [jax.local_devices(host) for host in range(jax.process_count())]
    each = min(map(len, of)) if each is None else each
    for host, found in enumerate(of):
        if len(found) < each:
            raise ValueError(
                f"host {host} has {len(found)} devices; expected {each} of every host"
            )
    order = sorted(range(len(of)), key=lambda host: host != jax.process_index())
    return tuple(device for host in order for device in of[host][:each])


def join(
    *,
    coordinator: str | None = None,
    processes: int | None = None,
    index: int | None = None,
    lost_after: float = LOST_AFTER,
    start: float = START,
) -> None:
    """Meet the other hosts; call it before anything that starts a backend of JAX.

    What is not given is found by JAX where SLURM, Kubernetes, Open MPI or Cloud TPU
    started the processes. JAX's own heartbeats go on, ten times as slowly: it ends a
    process by an abort, without a name.

    Args:
      coordinator: address HOST:PORT of the first host, where no one listens yet.
      processes: how many hosts there are.
      index: of this one.
      lost_after: seconds without a sign of life after which a host is lost.
      start: seconds in which all must have come.

    Raises:
      TimeoutError: a host could not be reached; where one has not come at all, the
        process ends with `LOST`.
      ValueError: no cluster is found, or the first host cannot listen there.
    """
    global _star
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it takes SIGTERM
    with arrival.patience(start), arrival.named_errors(coordinator):
        jax.distributed.initialize(
            coordinator,
            num_processes=processes,
            process_id=index,
            initialization_timeout=int(start) + 60,  # at which JAX aborts the process
            heartbeat_timeout_seconds=int(_SLACK * lost_after) + 1,
            shutdown_timeout_seconds=int(lost_after) + 1,
        )
        place = coordinator or address.coordinator()
        address.lead_collectives(place)
        if jax.process_count() > 1:
            own = _meet(place, start)
            here, many = jax.process_index(), jax.process_count()
            _star = star.Star(here, many, own, lost_after=lost_after)
            _catch_aborts()


def _meet(coordinator: str, start: float) -> dict[int, line.Line]:
    """Return the lines of this host."""
    import jax
    import numpy as np
    from jax.experimental import multihost_utils

    first = jax.process_index() == 0
    meeting = line.Meeting(address.host(coordinator)) if first else None
    told = meeting.invitation if first else b""
    padded = np.frombuffer(told.ljust(_INVITATION), np.uint8)
    found = bytes(np.asarray(multihost_utils.broadcast_one_to_all(padded)))
    if meeting:
        return meeting.lines(jax.process_count(), start)
    return {0: line.answer(found, jax.process_index(), start)}


@contextlib.contextmanager
def joined(
    *, exit_code: Callable[[BaseException], int] = lambda _: 1, **given: Any
) -> Generator[None, None, None]:
    """Join, and leave in order, or end all the others when something is raised here.

    After an error this process ends without JAX's own leaving, which would wait for
    the others for minutes.

    Args:
      exit_code: of an error, for all hosts.
      **given: what `join` takes.

    Yields:
      Nothing.

    Raises:
      BaseException: what is raised inside, after the others have been told.
      LostError: a collective has failed, since two hosts do not reach each other.
    """
    join(**given)
    try:
        yield
    except BaseException as error:
        lost = _lost(error)
        _fail(lost or error, star.LOST if lost else exit_code(error))
        if lost:
            raise lost from None
        raise
    _leave()


def _leave() -> None:
    """Wait until all hosts have come so far, and part."""
    global _star
    import jax

    left, _star = _star, None
    if left is not None:
        left.part()
    jax.distributed.shutdown()  # which waits for all
    if left is not None:
        left.close()


def _lost(error: BaseException) -> star.LostError | None:
    """Return what to make of an error of a collective, None of another one.

    It comes where two hosts do not reach each other, and both reach the first; else the
    watch, which hears more, ends this process first.
    """
    import jax

    if _star is None or not isinstance(error, jax.errors.JaxRuntimeError):
        return None
    _hear()
    if not re.search("gloo|nccl", str(error), re.IGNORECASE):
        return None
    lost = star.LostError(
        f"a host does not reach another one ({str(error).splitlines()[0]}); the same "
        "command resumes the run"
    )
    _star.note(star.LOST, str(lost))
    return lost


def _fail(error: BaseException, code: int) -> None:
    """Tell the others, unless the error is that one of them is lost."""
    if _star is None:
        return
    told = str(error).strip().splitlines() or [type(error).__name__]
    _star.fail(code, told[0])
    atexit.register(_exit, code)  # before JAX's own leaving


def _exit(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _hear() -> None:
    """Give the watch time to end this process; it knows why a collective has failed."""
    threading.Event().wait(_HEARING)


def _catch_aborts() -> None:
    """Let the watch end this process where JAX aborts it, as at a lost coordinator."""
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda _: _hear())
    _kept.append(handler)
    ctypes.CDLL(None).signal(signal.SIGABRT, handler)
