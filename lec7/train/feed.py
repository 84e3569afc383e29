"""How batches reach the compiled program: as indices into arrays, or as a stream.

The program scans over slots. A slot is a function of (seed, step) alone, so the
position in the data is the step number, and a resumed run sees the batches that an
uninterrupted one sees. Slots of a stream are its batches, so that a dispatch carries
only as many of them as the host should hold, whatever lies between two evaluations.
"""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import hosts, memory
from lec7.data import batches, disk
from lec7.train import shares

CARRIED = 2**25  # bytes of a stream that a dispatch carries, unless one batch is larger


class Feed(NamedTuple):
    """Batches of a population of M members."""

    data: Any
    """Arrays that stay on the device from dispatch to dispatch."""
    slots: Callable[[int, int], Any]
    """(step, T) -> slots of the next T steps, leaves [T, M or 1, B, ...]; of a stream
    of as many of them as a dispatch should carry."""
    fetch: Callable[[Any, Any], Any]
    """(data, slot) -> (images [M, B, H, W, C], labels [M, B]), inside the program."""
    part: Callable[[int, int], Callable[[int, int], Any]] | None = None
    """(p, P) -> slots that have part p of P of every batch alone, and read no more."""


def from_arrays(
    images: np.ndarray | disk.DiskImages,
    labels: np.ndarray,
    *,
    seeds: Sequence[int],
    batch_size: int,
) -> Feed:
    """Feed examples; each member draws its own batches.

    Args:
      images: [N, H, W, C]; on the device, unless they stay on the disk.
      labels: [N].
      seeds: one for each member.
      batch_size: B, examples an update.

    Returns:
      A feed whose slots are tables of example indices, or the bytes of images that
      stay on the disk, read ahead.

    Raises:
      ValueError: there are not as many labels as images, or none.
    """
    require_together("the data", images, labels)
    if isinstance(images, disk.DiskImages):
        return _from_disk(images, labels, seeds, batch_size)

    def member(seed: int, step: int, count: int) -> np.ndarray:
        return batches.batch_indices(
            seed, step, count, batch_size=batch_size, num_examples=len(labels)
        )

    def slots(step: int, count: int) -> np.ndarray:
        _require_memory(8 * count * batch_size * len(seeds), count, len(seeds))
        return np.stack([member(seed, step, count) for seed in seeds], axis=1)

    return Feed(
        data=(images, labels),
        slots=slots,
        fetch=lambda data, slot: jax.tree.map(lambda leaf: leaf[slot], data),
    )


def require_together(name: str, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Check that inputs and labels go together, since JAX clamps an index.

    Raises:
      ValueError: there are not as many of both, or none.
    """
    if len(inputs) != len(labels) or not len(inputs):
        raise ValueError(
            f"{name} has {len(inputs)} inputs and {len(labels)} labels; expected as "
            "many of both, and at least one"
        )


def _from_disk(
    images: disk.DiskImages, labels: np.ndarray, seeds: Sequence[int], batch_size: int
) -> Feed:
    """Return what `from_arrays` does; members of one seed share what is read."""
    distinct, place = np.unique(np.asarray(seeds), return_inverse=True)

    def batch_at(step: int, mine: slice) -> tuple[np.ndarray, np.ndarray]:
        rows = [
            batches.batch_indices(
                int(seed), step, 1, batch_size=batch_size, num_examples=len(labels)
            )[0][mine]
            for seed in distinct
        ]
        pixels = images.bytes(np.concatenate(rows))
        return pixels.reshape(*np.shape(rows), *pixels.shape[1:]), labels[rows]

    def fetch(data, slot):
        del data
        pixels, y = slot
        return images.decode(pixels)[place], y[place]

    def part(place: int, parts: int) -> Callable[[int, int], Any]:
        size = len(distinct) * batch_size // parts * images.size // len(images)
        mine = rows_of(place, parts, batch_size)
        return _carried(_ahead(functools.partial(batch_at, mine=mine), size))

    return Feed(data=(), slots=part(0, 1), fetch=fetch, part=part)


def from_stream(
    batch_at: Callable[[int], tuple[np.ndarray, np.ndarray]],
    *,
    members: int,
    ahead: int | None = None,
    divided: bool = False,
) -> Feed:
    """Feed records read batch by batch; all members see the same batch.

    Args:
      batch_at: step -> (images [B, H, W, C], labels [B]).
      members: M.
      ahead: bytes of a batch, where several threads may call `batch_at` at once; then
        batches are read ahead.
      divided: whether on every host `batch_at` reads that host's rows alone.

    Returns:
      A feed whose slots are the batches themselves.
    """

    def shared(step: int) -> tuple[np.ndarray, ...]:
        return tuple(np.asarray(leaf)[None] for leaf in batch_at(step))

    def fetch(data, slot):
        del data
        return jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (members, *leaf.shape[1:])), slot
        )

    slots = _carried(shared if ahead is None else _ahead(shared, ahead))
    own = (lambda place, parts: slots) if divided else None
    return Feed(data=(), slots=slots, fetch=fetch, part=own)


def _ahead(batch_at: Callable[[int], Any], size: int) -> Callable[[int], Any]:
    """Return the same function, which reads ahead if it is asked step after step."""
    following, found = -1, iter(())

    def read(step: int) -> Any:
        nonlocal following, found
        if step != following:
            found = disk.read_ahead(batch_at, sys.maxsize, size=size, start=step)
        following = step + 1
        return next(found)

    return read


def _carried(batch_at: Callable[[int], Any]) -> Callable[[int, int], Any]:
    """Return slots of a stream: at most `CARRIED` bytes, in parts of like length."""

    def slots(step: int, count: int) -> tuple[np.ndarray, ...]:
        first = batch_at(step)
        size = sum(leaf.nbytes for leaf in first)
        most = max(1, min(disk.WAITING, CARRIED // max(1, size)))
        parts = -(-count // most)
        rest = (batch_at(step + i) for i in range(1, -(-count // parts)))
        return tuple(map(np.stack, zip(first, *rest, strict=True)))

    return slots


def _require_memory(size: int, count: int, members: int) -> None:
    """Refuse a dispatch whose batches, twice, are more than the host can hold.

    Raises:
      TooLargeError: it is.
    """
    memory.require_host(
        size,
        f"the batches of {count:,} updates of {members} members in one dispatch, which "
        "ends with an evaluation,",
    )


def own(batches: Feed, devices: Sequence[jax.Device]) -> Feed:
    """Return a feed of the rows of every batch that this host's devices take."""
    share = shares.of(devices)
    return batches if share.parts == 1 else part_of(batches, share.part, share.parts)


def part_of(batches: Feed, part: int, parts: int) -> Feed:
    """Return a feed of one of so many equal parts of every batch."""
    if batches.part is not None:
        return batches._replace(slots=batches.part(part, parts))

    def cut(leaf):
        return leaf[:, :, rows_of(part, parts, leaf.shape[2])]

    def slots(step: int, count: int) -> Any:
        return jax.tree.map(cut, batches.slots(step, count))

    return batches._replace(slots=slots)


def rows_of(part: int, parts: int, batch_size: int) -> slice:
    """Return which rows of a batch are those of a part.

    Raises:
      ValueError: the batch size is not a multiple of the number of parts.
    """
    each, rest = divmod(batch_size, parts)
    if rest:
        raise ValueError(
            f"batch size is {batch_size}; expected a multiple of {parts}, the number "
            "of hosts: change one of the two"
        )
    return slice(part * each, (part + 1) * each)


def divide(slots: Any, devices: int) -> Any:
    """Return slots [T, M, B, ...] as [D, T, M, B / D, ...].

    Device d holds the examples at positions d B/D to (d + 1) B/D of each batch.

    Raises:
      ValueError: the batch size is not a multiple of the number of devices.
    """

    def split(leaf):
        steps, members, batch, *rest = leaf.shape
        if batch % devices:
            raise ValueError(
                f"batch size is {batch}; expected a multiple of {devices}, the number "
                "of devices: change one of the two"
            )
        shape = (steps, members, devices, batch // devices, *rest)
        return np.moveaxis(leaf.reshape(shape), 2, 0)

    return jax.tree.map(split, slots)


def dispatch(
    advance: Callable[..., tuple[Any, Any]],
    batches: Feed,
    given: tuple[Any, Any, np.ndarray],
    steps: range,
    devices: Sequence[jax.Device],
) -> tuple[Any, dict[str, np.ndarray]]:
    """Make some updates, in as many dispatches as the batches need.

    Two are under way at the most: the host reads while the devices work, and what it
    has read does not pile up.

    Args:
      advance: as `step.make_advance` returns it.
      batches: of the updates, as `own` returns them.
      given: the state, which is consumed, the data on the devices, and the members that
        are active.
      steps: numbers of the updates.
      devices: over which a batch is divided.

    Returns:
      The state after them, and the metrics [T, M].
    """
    state, data, active = given
    here = len(shares.of(devices).own)
    made: list[Any] = []
    while steps:
        slots = batches.slots(steps.start, len(steps))
        steps = steps[len(jax.tree.leaves(slots)[0]) :]
        hosts.mark()
        state, metrics = advance(state, data, divide(slots, here), active)
        made = [*jax.device_get(made), metrics]
    return state, jax.tree.map(
        lambda *rows: np.concatenate(rows), *jax.device_get(made)
    )
