"""Where batches are, and in what pieces their work is done on the machine at hand.

Batches are on one device, dealt out to several, or streamed to them. Where the devices
are of several hosts, each host holds its own batches, and knows the shapes of the
others, so that all hosts make the same decisions. What is measured
at several points, or for several vectors, is one program with a loop, which saves
dispatches and is 1.5 to 2 times as fast as a `vmap` on a CPU. There XLA runs
convolutions slowly inside a loop, so they are walked on the host.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp

from lec7 import hosts, loops

Devices = tuple[jax.Device | None, ...]  # None leaves arrays where they are
ROWS = 16  # vectors that one program multiplies at most
ROUND = 2**26  # bytes of vectors that are held beside the result of a round
KEPT = 2**28  # bytes of derivatives that a linearised operator may hold
FUSED = 2**25  # bytes of them below which all batches are one program


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class Elsewhere:
    """A batch of another host, known here by its shapes.

    Attributes:
      shapes: the batch, with a `jax.ShapeDtypeStruct` in place of each array.
    """

    shapes: chex.ArrayTree


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class Stream:
    """Batches that are walked anew on every pass, dealt out to devices in turn.

    Attributes:
      source: yields the same batches, in the same order, whenever it is walked.
      devices: take turns.
      sizes: numbers of examples of the batches, as a whole walk has found them.
    """

    source: Iterable[chex.ArrayTree]
    devices: Devices
    sizes: list[int] = dataclasses.field(default_factory=list)

    def __iter__(self) -> Iterator[chex.ArrayTree]:
        """Walk the source once.

        Yields:
          Batches on their devices.

        Raises:
          ValueError: there is no batch, or one cannot be averaged over.
        """
        sizes = []
        for batch in deal_all(self.source, self.devices):
            sizes.append(jax.tree.leaves(shapes(batch))[0].shape[0])
            yield batch
        self.sizes[:] = sizes
        if not sizes:
            raise ValueError(
                "batches yields nothing; expected at least one batch, and what can be "
                "walked again and again"
            )


def choose(devices: Sequence[jax.Device] | None) -> Devices:
    """Return the devices that take turns, `(None,)` where there is nothing to choose.

    None stands for every accelerator of this host, or for the default device of a CPU,
    whose devices are simulated. Those of several hosts come host after host.

    Raises:
      ValueError: there are none, or they are not of all hosts that have joined.
    """
    if devices is None:
        found = jax.local_devices()
        single = len(found) == 1 or found[0].platform == "cpu"
        return (None,) if single else tuple(found)
    if not devices:
        raise ValueError("devices is empty; expected at least one, or None to choose")
    if not are_shared(tuple(devices)):
        return tuple(devices)
    holders = {device.process_index for device in devices}
    if len(holders) != hosts.count():
        raise ValueError(
            f"the devices are of {len(holders)} hosts, and {hosts.count()} have joined;"
            " expected lec7.hosts.join(...) before, and hosts.devices(), those of all"
        )
    return tuple(sorted(devices, key=lambda d: (d.process_index, d.id)))


def are_shared(devices: Devices) -> bool:
    """Return whether devices are of another host, or of several."""
    here = jax.process_index()
    return any(device and device.process_index != here for device in devices)


def is_shared(batches: Iterable[chex.ArrayTree]) -> bool:
    """Return whether batches are dealt to several hosts."""
    if isinstance(batches, Stream):
        return are_shared(batches.devices)
    return any(isinstance(batch, Elsewhere) for batch in batches)


def first(batches: Iterable[chex.ArrayTree]) -> chex.ArrayTree:
    """Return the first batch, of a sequence the first of this host if it has one.

    Its shapes stand for those of all batches.
    """
    here = batches
    if isinstance(batches, Sequence):
        here = [batch for batch in batches if not isinstance(batch, Elsewhere)]
    return next(iter(here or batches))


def shapes(batch: chex.ArrayTree) -> chex.ArrayTree:
    """Return a batch with shapes and dtypes in place of its arrays."""
    if isinstance(batch, Elsewhere):
        return batch.shapes
    return jax.tree.map(_shape, batch)


def cut(
    batches: Sequence[chex.ArrayTree], devices: Devices
) -> Sequence[chex.ArrayTree]:
    """Return batches, divided evenly where there are fewer of them than devices.

    Raises:
      ValueError: hosts would be left without an example.
    """
    pieces = -(-len(devices) // max(1, len(batches)))
    if pieces == 1 or any(jnp.ndim(x) == 0 for x in jax.tree.leaves(list(batches))):
        return batches
    found = [piece for batch in batches for piece in _cut(batch, pieces)]
    if are_shared(devices) and len(found) < len(devices):
        raise ValueError(
            f"there are {len(found)} examples for {len(devices)} devices of several "
            "hosts; expected at least one a device: choose fewer devices"
        )
    return found


def _cut(batch: chex.ArrayTree, pieces: int) -> Iterator[chex.ArrayTree]:
    size = min(len(leaf) for leaf in jax.tree.leaves(batch))
    if any(len(leaf) != size for leaf in jax.tree.leaves(batch)):
        yield batch  # which is refused when it is dealt
        return
    ends = [size * end // pieces for end in range(pieces + 1)]
    for start, stop in itertools.pairwise(ends):
        if start < stop or not size:
            part = slice(start, stop)
            yield jax.tree.map(lambda leaf, part=part: leaf[part], batch)


def deal_all(
    batches: Iterable[chex.ArrayTree], devices: Devices
) -> Iterator[chex.ArrayTree]:
    """Yield batches, which are of one kind, on devices that take turns.

    Raises:
      ValueError: one is of another kind than the first, or as for `deal`.
    """
    first = None
    for index, batch in enumerate(batches):
        batch = deal(batch, index, devices)
        kind = jax.tree.map(lambda leaf: len(leaf.shape), shapes(batch))
        first = kind if first is None else first
        if kind != first:
            raise ValueError(
                f"batch {index} has arrays of the numbers of axes {kind} and batch 0 "
                f"{first}; expected batches of one kind: put a single batch (x, y) "
                "into a list"
            )
        yield batch


def are_placed(batches: Sequence[chex.ArrayTree]) -> bool:
    """Return whether all arrays of batches are committed to devices."""
    leaves = jax.tree.leaves(list(batches))
    return all(
        isinstance(leaf, jax.Array)
        and not isinstance(leaf, jax.core.Tracer)
        and leaf.committed
        for leaf in leaves
    )


def deal(batch: chex.ArrayTree, index: int, devices: Devices) -> chex.ArrayTree:
    """Return a batch on the device whose turn it is; NumPy arrays are copied.

    Raises:
      ValueError: its arrays do not agree on a number of examples.
    """
    device = devices[index % len(devices)]
    foreign = are_shared((device,))
    batch = Elsewhere(shapes(batch)) if foreign else put(batch, device)
    found = [leaf.shape for leaf in jax.tree.leaves(shapes(batch))]
    sizes = {shape[:1] for shape in found}
    if len(sizes) != 1 or not sizes.isdisjoint({(), (0,)}):
        raise ValueError(
            f"the arrays of batch {index} have the shapes {found}; expected one "
            "number of examples, at least 1, in the first axis of all"
        )
    return batch


def put(tree: chex.ArrayTree, device: jax.Device | None) -> chex.ArrayTree:
    """Return a tree as JAX arrays on a device, if one is given; NumPy is copied."""

    def place(leaf):
        if isinstance(leaf, jax.Array):
            return move(leaf, device)
        return jnp.array(leaf, device=device)

    return jax.tree.map(place, tree)


def move(tree: Any, device: jax.Device | None) -> Any:
    """Return a tree on a device, if one is given, without a copy of what is there."""
    return tree if device is None else jax.device_put(tree, device)


def device_of(batch: chex.ArrayTree) -> jax.Device | None:
    """Return the one device that a batch is committed to, None without one."""
    leaf = jax.tree.leaves(batch)[0]
    if isinstance(leaf, jax.core.Tracer) or not leaf.committed:
        return None
    devices = leaf.devices()
    return devices.pop() if len(devices) == 1 else None


def is_fast_in_loop(fn: Any, *args: Any) -> bool:
    """Tell whether a function is fast inside a loop.

    Args:
      fn: a pytree, as its arguments are.
      args: what it is called with.

    Returns:
      False for convolutions on a CPU.
    """
    leaves, structure = jax.tree.flatten((fn, args))
    return not _are_slow(structure, tuple(map(_shape, leaves)))


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))


def rows(width: int, itemsize: int) -> int:
    """Return how many vectors of a width one program takes at once."""
    return max(1, min(ROWS, ROUND // max(1, width * itemsize)))


def nbytes(tree: Any) -> int:
    """Return the size of the arrays of a tree, or of their shapes, in bytes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


@functools.lru_cache(maxsize=64)
def _are_slow(structure: Any, shapes: tuple[jax.ShapeDtypeStruct, ...]) -> bool:
    def call(*leaves):
        fn, args = structure.unflatten(leaves)
        return fn(*args)

    return loops.are_slow(call, *shapes)
