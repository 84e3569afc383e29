"""Signals are noted where they arrive, and acted on where a run can be left in order.

A handler that raises may do so inside a callback of the garbage collector, where the
exception is lost, inside an import, or while devices compute. So the first SIGINT or
SIGTERM is noted and no more, and loops call `check` between two steps, when what they
have is saved. Where none does for `PATIENCE` seconds, it is raised wherever the main
thread is. `GRACE` seconds after the signal, and at a second one, the process ends at
once, which loses no more than a SIGKILL does.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import NoReturn

PATIENCE = 10.0
"""Seconds until a signal that no loop has read is raised, and half of them until it is
raised again."""
GRACE = 25.0
"""Seconds from a signal to the end of the process; schedulers kill after 30."""
LEASH = "LEC7_LEASH"
"""Variable of a process whose standard input ends when the process that started it
does."""
_ECHO = 0.2  # seconds in which a signal sent to process and group is one

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_noted: list[int] = []
_others: list[Callable[[], None]] = []  # which `check` calls too
_endings = ["; the same command resumes the run"]  # of messages; the last holds
_read = threading.Event()  # somebody has called `check` since
_raising = threading.Event()  # the handler is to raise


class Signalled(KeyboardInterrupt):
    """A signal has arrived; like a Ctrl-C, no `Exception` that code may swallow."""

    def __init__(self, number: int):
        """Take the number of the signal, which decides the exit code."""
        super().__init__(f"{_WORDS[number]}{_endings[-1]}")
        self.exit_code = 128 + number


def install(name: str) -> None:
    """Handle SIGINT and SIGTERM from now on, also where the shell ignores them.

    Args:
      name: of the program, for the message of an end at once.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # A thread reads the pipe also while the main thread is inside a compilation.
    threading.Thread(target=_watch, args=(reading, name), daemon=True).start()
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _WORDS:
        signal.signal(number, _handle)


def end_with_parent() -> None:
    """End at once when the process that started this one has ended, if it wants that.

    Whatever has ended it, even a SIGKILL, the system then closes our standard input.
    """
    if os.environ.pop(LEASH, None):  # which is not for processes that we start
        threading.Thread(target=_end_with_input, daemon=True).start()


def noted() -> int:
    """Return the signal that has arrived, 0 for none: what is worth it is saved now."""
    return _noted[0] if _noted else 0


def check() -> None:
    """Leave, if a signal has arrived.

    Raises:
      Signalled: one has.
    """
    if _noted:
        _read.set()
        raise Signalled(_noted[0])
    for call in _others:
        call()


@contextlib.contextmanager
def checking(call: Callable[[], None]) -> Generator[None, None, None]:
    """Let `check` call something too, which may raise, as at a deadline.

    Yields:
      Nothing.
    """
    _others.append(call)
    try:
        yield
    finally:
        _others.remove(call)


@contextlib.contextmanager
def nothing_to_resume() -> Generator[None, None, None]:
    """Promise no resumption when a signal arrives, since nothing is kept.

    Yields:
      Nothing.
    """
    _endings.append("")
    try:
        yield
    finally:
        _endings.pop()


def leave(code: int) -> NoReturn:
    """End the process; after a signal without the end of backends that are at work.

    Work that was done before anybody read the signal ends with the signal's code too,
    so that a shell's loop over commands stops.
    """
    for number in _WORDS:
        signal.signal(number, signal.SIG_IGN)
    if not _noted:
        sys.exit(code)
    code = code or 128 + _noted[0]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _end_with_input() -> None:
    while os.read(0, 1024):
        pass
    os._exit(128 + signal.SIGTERM)


def _handle(number: int, frame: object) -> None:
    del frame
    if _raising.is_set():
        raise Signalled(_noted[0])
    if not _noted:
        _noted.append(number)


def _watch(pipe: int, name: str) -> None:
    """Hear of every signal; see the module for what follows."""
    number = _next(pipe, None)
    start = time.monotonic()
    if not _noted:
        _noted.append(number)
    ours, patience = 0, PATIENCE
    while (passed := time.monotonic() - start) < GRACE:
        if _next(pipe, min(patience, GRACE) - passed) is not None:
            ours -= 1
            if ours < 0 and time.monotonic() - start > _ECHO:
                break
            ours = max(ours, 0)
        elif not _read.is_set():
            _raising.set()
            ours += 1
            patience += PATIENCE / 2
            signal.pthread_kill(threading.main_thread().ident, number)
        else:
            patience = GRACE
    os.write(2, f"{name}: ended at once{_endings[-1]}\n".encode())
    os._exit(128 + number)


def _next(pipe: int, timeout: float | None) -> int | None:
    """Return the next of our signals, None where there is none in time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([pipe], [], [], left)[0]:
            return None
        number = os.read(pipe, 1)[0]
        if number in _WORDS:
            return number
