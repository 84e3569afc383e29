"""Hosts of one machine: network namespaces with addresses of their own, and a switch.

Each host has an interface of its own and one cable to the switch, which is in a
namespace too, so that nothing of it is seen outside. It takes Linux and its superuser.
"""

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Generator
from typing import Any

_NETWORKS = itertools.count(1)


class Network:
    """Hosts 10.77.0.1, 10.77.0.2 and so on, of which each has a cable to the switch."""

    def __init__(self, count: int):
        """Name them, so that two networks never meet."""
        name = f"lec7-{os.getpid()}-{next(_NETWORKS)}"
        self.switch = f"{name}-switch"
        self.hosts = [f"{name}-{index}" for index in range(count)]
        self.addresses = [f"10.77.0.{index + 1}" for index in range(count)]

    def inside(self, index: int) -> list[str]:
        """Return the words that run a command on a host."""
        return ["ip", "netns", "exec", self.hosts[index]]

    def meeting(self) -> dict[str, Any]:
        """Return what `hosted.start` takes to start processes on the hosts."""
        return {"address": self.addresses[0], "inside": self.inside}

    def lay(self) -> None:
        """Make all of it."""
        _ip(f"netns add {self.switch}")
        _ip(f"-n {self.switch} link add name bridge type bridge")
        _ip(f"-n {self.switch} link set dev bridge up")
        for index, (host, address) in enumerate(
            zip(self.hosts, self.addresses, strict=True)
        ):
            _ip(f"netns add {host}")
            pair = f"type veth peer name net netns {host}"
            _ip(f"-n {self.switch} link add name host{index} {pair}")
            _ip(f"-n {self.switch} link set dev host{index} master bridge up")
            _ip(f"-n {host} address add {address}/24 dev net")
            for device in ("lo", "net"):
                _ip(f"-n {host} link set dev {device} up")

    def remove(self) -> None:
        """Remove what there is of it; cables go with their ends."""
        for name in (self.switch, *self.hosts):
            with contextlib.suppress(OSError):
                _ip(f"netns delete {name}")

    def cut(self, index: int) -> None:
        """Cut the cable of a host at the switch."""
        _ip(f"-n {self.switch} link set dev host{index} down")

    def down(self, index: int) -> None:
        """Switch off the interface of a host."""
        _ip(f"-n {self.hosts[index]} link set dev net down")

    def silence(self, index: int) -> None:
        """Let the switch pass on nothing of a host, whose cable looks well."""
        _ip(f"-n {self.switch} link set dev host{index} nomaster")

    def mend(self, index: int) -> None:
        """Undo these."""
        _ip(f"-n {self.switch} link set dev host{index} master bridge up")
        _ip(f"-n {self.hosts[index]} link set dev net up")

    def hasten(self) -> None:
        """Let connections without an answer be given up in seconds, not in minutes."""
        for host in self.hosts:
            _ip(f"netns exec {host} sysctl -w net.ipv4.tcp_retries2=6")

    def part(self, one: int, other: int) -> None:
        """Let two hosts not reach each other, but all others."""
        for here, there in ((one, other), (other, one)):
            nowhere = "lladdr 02:00:00:00:00:01 nud permanent"
            place = f"to {self.addresses[there]} dev net"
            _ip(f"-n {self.hosts[here]} neighbour replace {place} {nowhere}")

    def join(self, one: int, other: int) -> None:
        """Let two hosts reach each other again."""
        for here, there in ((one, other), (other, one)):
            place = f"to {self.addresses[there]} dev net"
            _ip(f"-n {self.hosts[here]} neighbour delete {place}")


@contextlib.contextmanager
def network(count: int) -> Generator[Network, None, None]:
    """Make a network, and remove it whatever happens.

    Yields:
      The network.

    Raises:
      OSError: the machine refuses, and why.
    """
    made = Network(count)
    try:
        made.lay()
        yield made
    finally:
        made.remove()


def refusal() -> str:
    """Return why there can be no network here, empty where there can."""
    if shutil.which("ip") is None:
        return "there is no command ip"
    try:
        with network(1):
            return ""
    except OSError as error:
        return f"no network namespaces: {error}"


def _ip(words: str) -> None:
    done = subprocess.run(["ip", *words.split()], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {words}: {done.stderr.strip()}")
