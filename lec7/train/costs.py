"""What a training takes: parameters, FLOPs, bytes, seconds, and more hosts.

A training of U updates, E evaluations and C checkpoints takes

  compile + U (update + communication) + E evaluation + C checkpoint

seconds. On N hosts, which divide every batch, the part of an update that grows with the
batch takes an Nth, and the gradients are averaged by a ring: in 2 (N - 1) steps, each
host sends an Nth of them to the next one, so that G bytes take

  2 (N - 1) / N * G / bandwidth + 2 (N - 1) latency.

The model knows no overlap of computing and sending, and no difference between hosts.
"""

from typing import NamedTuple

from lec7 import arguments

BANDWIDTH = 1.25e9
"""Bytes a second from one host to the next: 10 Gb/s, the least of today's clusters."""
LATENCY = 50e-6
"""Seconds until a message arrives, of TCP within a data centre."""


class Sizes(NamedTuple):
    """Bytes of a population, on each device."""

    parameters: int
    optimiser: int
    """State of the update rule."""
    data: int
    """What stays on the device from update to update: examples in memory."""
    batch: int
    """Of one update."""
    working: int
    """Activations, gradients and whatever else the compiled update needs meanwhile."""
    peak: int
    """Of a training."""
    averaged: int
    """What the devices average in an update: gradients and BatchNorm's statistics."""


class Seconds(NamedTuple):
    """How long the parts of a training take."""

    compile: float
    """With what else is done once, before the first update and after the last."""
    update: float
    evaluation: float
    checkpoint: float
    fixed: float = 0.0
    """Of an update, the part that a smaller batch does not shorten."""


class Cost(NamedTuple):
    """What one training of a population takes."""

    name: str
    members: int
    """M, the networks that train as one."""
    parameters: int
    """Of one network."""
    batch_size: int
    flops: float
    """Of an update of all members, as XLA counts them in the compiled program."""
    products: float
    """Those of its matrix products and convolutions, counted before XLA sees it."""
    bytes: Sizes
    available: float
    """Bytes that the device has left; infinity where nothing tells."""
    updates: int
    """At the most, where a loss ends the training."""
    evaluations: int
    checkpoints: int
    stops: bool
    """Whether a loss ends it."""
    seconds: Seconds
    devices: int = 1
    """Of each host."""
    hosts: int = 1
    communication: float = 0.0
    """Seconds of an update in which hosts average."""
    efficiency: float = 1.0
    """Updates a second, over those of one host times the number of hosts."""

    @property
    def total(self) -> float:
        """Seconds of the whole training."""
        took = self.seconds
        return (
            took.compile
            + self.updates * (took.update + self.communication)
            + self.evaluations * took.evaluation
            + self.checkpoints * took.checkpoint
        )

    def on(
        self, hosts: int, *, bandwidth: float = BANDWIDTH, latency: float = LATENCY
    ) -> "Cost":
        """Return what the training takes on several hosts that divide its batches.

        Args:
          hosts: N, each with as many devices as were measured.
          bandwidth: bytes a second from a host to the next one.
          latency: seconds until a message arrives.

        Raises:
          ValueError: a number is out of its range, the cost is one of several hosts
            already, or the devices cannot share a batch equally.
        """
        arguments.require_counts(hosts=hosts)
        arguments.require(self.hosts == 1, "hosts of the cost", self.hosts, "1")
        everywhere = hosts * self.devices
        arguments.require(
            self.batch_size % everywhere == 0,
            "batch_size",
            self.batch_size,
            f"a multiple of {everywhere}, the devices of {hosts} hosts",
        )
        took = self.seconds
        update = took.fixed + (took.update - took.fixed) / hosts
        averaging = all_reduce_seconds(hosts, self.bytes.averaged, bandwidth, latency)
        return self._replace(
            hosts=hosts,
            seconds=took._replace(update=update, evaluation=took.evaluation / hosts),
            communication=averaging,
            efficiency=took.update / (hosts * (update + averaging)),
        )


def all_reduce_seconds(
    hosts: int, size: float, bandwidth: float = BANDWIDTH, latency: float = LATENCY
) -> float:
    """Return the seconds of an average over hosts by a ring.

    Args:
      hosts: N.
      size: bytes that each host has.
      bandwidth: bytes a second from a host to the next one.
      latency: seconds until a message arrives.

    Raises:
      ValueError: a number is out of its range.

    Example:
      >>> all_reduce_seconds(2, 1e9, bandwidth=1e9, latency=0.0)
      1.0

    References:
      Patarasuk and Yuan 2009, Bandwidth optimal all-reduce algorithms for clusters of
      workstations, sec. 3.
    """
    arguments.require_counts(hosts=hosts)
    arguments.require_positive(bandwidth=bandwidth)
    arguments.require_non_negative(size=size, latency=latency)
    return 2 * (hosts - 1) * (size / hosts / bandwidth + latency)
