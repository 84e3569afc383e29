"""Which part of a training is this host's: devices, and rows of every batch.

A training may run on the devices of several hosts. They stand in the order of the
hosts, so that a host has consecutive rows of a batch, and keys of noise, which go by
the position in the batch, do not depend on how many hosts there are.
"""

import dataclasses
from collections.abc import Sequence

import jax

from lec7 import hosts


@dataclasses.dataclass(frozen=True)
class Share:
    """The devices of a training, and which of them are of this host."""

    devices: tuple[jax.Device, ...]
    """All of them, host after host."""
    mine: slice
    """Places of this host's among them."""
    parts: int
    """Number of hosts that have some."""

    @property
    def own(self) -> tuple[jax.Device, ...]:
        """Those of this host."""
        return self.devices[self.mine]

    @property
    def part(self) -> int:
        """Which of the parts is this host's."""
        return self.mine.start // len(self.own)


def of(devices: Sequence[jax.Device]) -> Share:
    """Return how devices are shared among hosts.

    Raises:
      ValueError: they are of several hosts and this one has none, or not as many as
        another; or the hosts have not joined.
    """
    ordered = tuple(devices)
    holders = sorted({device.process_index for device in ordered})
    if len(holders) == 1:
        return Share(ordered, slice(0, len(ordered)), 1)
    ordered = tuple(sorted(ordered, key=lambda d: (d.process_index, d.id)))
    if hosts.count() != len(holders):
        raise ValueError(
            f"the devices are of {len(holders)} processes, and {hosts.count()} have "
            "joined; expected lec7.hosts.join(...) before, and devices of all"
        )
    each = len(ordered) // len(holders)
    place = each * hosts.index()
    share = Share(ordered, slice(place, place + each), len(holders))
    for number, device in enumerate(ordered):
        if device.process_index != number // each:
            raise ValueError(
                f"there are {len(ordered)} devices of {len(holders)} hosts, not as "
                "many of each; expected those that lec7.hosts.devices() returns"
            )
    return share
