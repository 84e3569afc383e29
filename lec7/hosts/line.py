"""A connection between two hosts: frames, heartbeats, and when it was last heard."""

import contextlib
import json
import os
import platform
import secrets
import socket
import struct
import threading
import time
from typing import Any

from lec7.hosts import address

BEAT, VALUE, MARK, END = b"H", b"V", b"M", b"E"
_HEAD = struct.Struct("!Q")
_TOKEN = 32  # letters
_PATIENCE = 1.0  # seconds that a last message may wait for one that is being sent


class Line:
    """One end of a connection."""

    def __init__(self, connection: socket.socket, name: str = ""):
        """Take a connection to the host of that name."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(None)
        self._socket, self._sending = connection, threading.Lock()
        self._ended = False  # the last frame has been sent
        self.name = name
        self.heard = time.monotonic()

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send a frame.

        Raises:
          OSError: the other host has left.
        """
        with self._sending:
            self._socket.sendall(kind + _HEAD.pack(len(payload)))
            self._socket.sendall(payload)

    def send_last(self, kind: bytes, payload: bytes) -> None:
        """Send a frame if the other host still takes one, and no more after it."""
        if not self._ended and self._sending.acquire(timeout=_PATIENCE):
            self._ended = True
            with contextlib.suppress(OSError):
                self._socket.settimeout(_PATIENCE)
                self._socket.sendall(kind + _HEAD.pack(len(payload)) + payload)
                self._socket.shutdown(socket.SHUT_WR)

    def beat(self) -> None:
        """Show that this host lives; a frame that is being sent shows it too."""
        if self._sending.acquire(blocking=False):
            with contextlib.suppress(OSError):  # which the reader notices
                self._socket.send(BEAT, socket.MSG_DONTWAIT)
            self._sending.release()

    def receive(self) -> tuple[bytes, bytes]:
        """Return the next frame that is no heartbeat.

        Raises:
          OSError: the connection is broken.
          EOFError: it was closed.
        """
        while (kind := bytes(self._read(1))) == BEAT:
            pass
        (length,) = _HEAD.unpack(self._read(_HEAD.size))
        return kind, bytes(self._read(length))

    def _read(self, size: int) -> bytearray:
        found = bytearray(size)
        place = memoryview(found)
        while place:
            count = self._socket.recv_into(place[: 2**20])
            if not count:
                raise EOFError
            self.heard = time.monotonic()
            place = place[count:]
        return found

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def own_name() -> str:
    """Return how messages call this process beside its number."""
    return f"{platform.node()}, process {os.getpid()}"


class Meeting:
    """Where the first host waits for the others."""

    def __init__(self, known_as: str):
        """Listen; `known_as` is how others have been told to find this machine."""
        self._server = socket.create_server(("", 0))
        self._token = secrets.token_hex(_TOKEN // 2)
        own = address.toward("192.0.2.1:9")  # of documentation, RFC 5737
        names = (known_as, own, socket.gethostname(), "127.0.0.1")
        self.invitation = json.dumps(
            {
                "at": [name for name in dict.fromkeys(names) if name],
                "port": self._server.getsockname()[1],
                "token": self._token,
            }
        ).encode()

    def lines(self, count: int, seconds: float) -> dict[int, Line]:
        """Return a line to each of the other hosts.

        Raises:
          TimeoutError: one does not come.
        """
        found: dict[int, Line] = {}
        deadline = time.monotonic() + seconds
        with self._server:
            while len(found) < count - 1:
                self._server.settimeout(max(0.01, deadline - time.monotonic()))
                try:
                    connection, _ = self._server.accept()
                except TimeoutError as error:
                    missing = sorted(set(range(1, count)) - set(found))
                    raise TimeoutError(
                        f"hosts {', '.join(map(str, missing))} did not connect to the "
                        f"first within {seconds:.0f} s; expected them to reach "
                        f"{_place(self.invitation)}"
                    ) from error
                found |= self._welcome(connection)
        for line in found.values():
            line.send(VALUE, json.dumps(own_name()).encode())
        return found

    def _welcome(self, connection: socket.socket) -> dict[int, Line]:
        """Return the line to a host that has the token; a stranger is sent away."""
        try:
            connection.settimeout(_PATIENCE)
            token, index, name = json.loads(_greeting(connection))
            if secrets.compare_digest(str(token), self._token):
                return {int(index): Line(connection, name)}
        except (OSError, EOFError, ValueError, TypeError):
            pass
        connection.close()
        return {}


def answer(invitation: bytes, index: int, seconds: float) -> Line:
    """Return a line to the first host, which has sent the invitation.

    Raises:
      TimeoutError: it cannot be reached.
    """
    told = json.loads(invitation)
    greeting = json.dumps([told["token"], index, own_name()]).encode()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for place in told["at"]:
            with contextlib.suppress(OSError, EOFError):
                connection = socket.create_connection((place, told["port"]), 5.0)
                connection.sendall(_HEAD.pack(len(greeting)) + greeting)
                line = Line(connection)
                line.name = json.loads(line.receive()[1])
                return line
        time.sleep(0.1)
    raise TimeoutError(
        f"host {index} could not connect to the first within {seconds:.0f} s; expected "
        f"{_place(invitation)} to be open"
    )


def _place(invitation: bytes) -> str:
    told = json.loads(invitation)
    return f"port {told['port']} of {' or '.join(told['at'])}"


def _greeting(connection: socket.socket) -> Any:
    """Return what a host says first, of 1 kB at the most.

    Raises:
      EOFError: it says less.
    """
    found = b""
    while len(found) < _HEAD.size or len(found) < _HEAD.size + _size(found):
        part = connection.recv(1024)
        if not part:
            raise EOFError
        found += part
    return found[_HEAD.size :]


def _size(greeting: bytes) -> int:
    (size,) = _HEAD.unpack(greeting[: _HEAD.size])
    if size > 1024:
        raise ValueError("no greeting of ours")
    return size
