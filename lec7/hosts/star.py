"""A line from every host to the first: values in step, heartbeats, and the end of all.

A host is lost when its line closes, as at a kill, or when nothing has been heard of it
for a while, as when its process is stopped or its machine is gone. A host that lives
and does not go on, as when its disk hangs, is lost where the others have long made the
next mark. The first host then tells the others, and all end: what a host waits for in a
collective would never come. No more is lost by that than by a kill.
"""

import json
import os
import pickle
import queue
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from lec7.hosts import line as lines

LOST = 9
"""Exit code of a host that ends because another one is lost."""
LINGER = 2.0
"""Seconds in which the last message to the others may arrive."""
GRACE = 5.0
"""Seconds in which a host may come to the error that another has already told of."""
NOTE = 2.0
"""Seconds in which a run may note how it ended."""
STILL = 10.0
"""Times as long as a silence: how long a host may be behind the marks of the others."""
_BEATS = 6  # in the time after which a host is lost
_STEP = struct.Struct("!Q")


class LostError(Exception):
    """Two hosts do not reach each other."""

    exit_code = LOST


class Star:
    """The lines of one host: to all others if it is the first, or to the first."""

    def __init__(
        self,
        index: int,
        count: int,
        own: Mapping[int, lines.Line],
        *,
        lost_after: float,
        end: Callable[[int], None] = os._exit,
    ):
        """Begin to listen and to beat.

        Args:
          index: of this host.
          count: of all hosts.
          own: host -> line to it.
          lost_after: seconds without a sign of life.
          end: ends the process with an exit code.
        """
        self.index, self.count, self.lost_after = index, count, lost_after
        self.note: Callable[[int, str], None] = lambda code, told: None
        self._lines, self._end = own, end
        self._inbox = {host: queue.SimpleQueue() for host in own}
        self._step = 0  # values exchanged
        self._marks = dict.fromkeys(range(count), 0)
        self._marked = time.monotonic()  # when the latest mark was made
        self._over = threading.Lock()  # held from the end or the parting on
        self._failed = threading.Event()  # this host has come to an error of its own
        self._readers = [self._start(self._listen, host) for host in own]
        self._start(self._watch)

    def from_first(self, value: Any) -> Any:
        """Return the first host's value, on all of them."""
        self._step += 1
        if self.index:
            return pickle.loads(self._take(0))
        self._give(pickle.dumps(value))
        return value

    def gathered(self, payload: bytes) -> list[bytes]:
        """Return the payloads of all hosts, on all of them."""
        self._step += 1
        if self.index:
            self._give(payload)
            return self.from_first(None)
        return self.from_first([payload, *map(self._take, range(1, self.count))])

    def mark(self) -> None:
        """Note that this host goes on to what all do together."""
        self._note(self.index, self._marks[self.index] + 1)
        if self.index:
            self._send(lines.MARK, _STEP.pack(self._marks[self.index]))

    def fail(self, code: int, told: str) -> None:
        """Let the others end with a code, and hear of no one any more."""
        self._failed.set()
        if self._over.acquire(blocking=False):
            told = f"{self._title(self.index)} ended with {code}: {told}"
            # JAX aborts the others where its coordinator leaves before them.
            self._tell(code, told, LINGER if self.index else GRACE + LINGER)

    def part(self) -> None:
        """Wait until all hosts have come so far, and end this one for none any more."""
        self.gathered(b"")
        self._over.acquire()

    def close(self) -> None:
        """Close the lines, when all hosts have parted."""
        for line in self._lines.values():
            line.close()

    def _give(self, payload: bytes) -> None:
        self._send(lines.VALUE, _STEP.pack(self._step) + payload)

    def _send(self, kind: bytes, payload: bytes) -> None:
        for line in self._lines.values():
            try:
                line.send(kind, payload)
            except OSError:  # of which the reader has heard, and ends the process
                threading.Event().wait()

    def _note(self, host: int, mark: int) -> None:
        self._marks[host], self._marked = mark, time.monotonic()

    def _take(self, host: int) -> bytes:
        content = self._inbox[host].get()
        (step,) = _STEP.unpack(content[: _STEP.size])
        if step != self._step:
            raise RuntimeError(
                f"host {host} is at its exchange {step} and host {self.index} at "
                f"{self._step}; expected all hosts to run the same program"
            )
        return content[_STEP.size :]

    def _start(self, target: Callable, *given: Any) -> threading.Thread:
        thread = threading.Thread(target=target, args=given, daemon=True)
        thread.start()
        return thread

    def _listen(self, host: int) -> None:
        line = self._lines[host]
        try:
            while True:
                kind, payload = line.receive()
                if kind == lines.END:
                    code, told = json.loads(payload)
                    grace = 0.0 if code == LOST else GRACE
                    return self._leave_with(code, told, grace)
                if kind == lines.MARK:
                    self._note(host, *_STEP.unpack(payload))
                else:
                    self._inbox[host].put(payload)
        except (OSError, EOFError):
            return self._lose(host, "its connection was closed")

    def _watch(self) -> None:
        pause = self.lost_after / _BEATS
        while not self._over.locked():
            start = time.monotonic()
            for line in self._lines.values():
                line.beat()
            time.sleep(pause)
            late = time.monotonic() - start - pause
            for host, line in self._lines.items():
                line.heard += max(0.0, late)  # it was this host that stood still
                silent = time.monotonic() - line.heard
                if silent > self.lost_after:
                    self._lose(host, f"nothing was heard of it for {silent:.0f} s")
            if not self.index:
                self._look_for_behind()

    def _look_for_behind(self) -> None:
        still = time.monotonic() - self._marked
        behind = min(self._marks, key=self._marks.__getitem__)
        lags = self._marks[behind] < max(self._marks.values())
        if lags and still > STILL * self.lost_after:
            self._lose(behind, f"it lives and has not gone on for {still:.0f} s")

    def _lose(self, host: int, why: str) -> None:
        told = f"{self._title(host)} is lost: {why}; the same command resumes the run"
        self._leave_with(LOST, told)

    def _leave_with(self, code: int, told: str, grace: float = 0.0) -> None:
        """End this process, and first tell the others if this is the first host."""
        if not self.index and not self._over.locked():
            self._tell(code, told, LINGER)
        if not self._failed.wait(grace) and self._over.acquire(blocking=False):
            os.write(2, f"lec7: {told}\n".encode())
            # A disk that hangs, or a main thread that is writing, does not keep it.
            self._start(self.note, code, told).join(NOTE)
            self._end(code)

    def _tell(self, code: int, told: str, linger: float) -> None:
        """Send the last message; a line that is closed too early may lose it."""
        payload = json.dumps([code, told]).encode()
        for line in self._lines.values():
            line.send_last(lines.END, payload)
        deadline = time.monotonic() + linger
        for reader in self._readers:
            if reader is not threading.current_thread():
                reader.join(max(0.0, deadline - time.monotonic()))

    def _title(self, host: int) -> str:
        known = host in self._lines
        name = self._lines[host].name if known else lines.own_name()
        return f"host {host} of {self.count} ({name})"
