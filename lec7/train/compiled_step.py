"""One update as it is compiled: its FLOPs, its bytes, and how fast it is."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from lec7 import memory
from lec7.train import costs, divergence, feed, operations
from lec7.train import state as states
from lec7.train import step as steps

_FEW = 3  # updates, or dispatches, that are timed at the most
_ENOUGH = 1.0  # seconds after which no further one is


class CompiledStep(NamedTuple):
    """The program of one update of a population, and what it counts."""

    advance: steps.Advance
    batches: feed.Feed
    devices: Sequence[jax.Device]
    counts: dict[str, Any]
    """What it tells of a `costs.Cost`."""
    seconds: float
    """Its compilation took."""
    clock: Callable[[], float]

    def pace(self, state: states.TrainState, count: int = 1, parts: int = 1) -> float:
        """Return the seconds of so many updates, with a part of every batch."""
        batches = feed.part_of(self.batches, 0, parts) if parts > 1 else self.batches
        state, data, slots, active = _given(state, batches, self.devices, count)
        took = []
        for _ in range(1 + _FEW):
            began = self.clock()
            state, made = self.advance(state, data, slots, active)
            jax.block_until_ready((state, made))
            took.append(self.clock() - began)
            if sum(took[1:]) > _ENOUGH:
                break
        return min(took[1:])

    def fixed_share(self, state: states.TrainState, hosts: int, count: int) -> float:
        """Return what share of an update a smaller batch does not shorten.

        An update is taken as a straight line of the batch size, through what it takes
        with a whole batch and with the part of one host.
        """
        everywhere = hosts * len(self.devices)
        if hosts == 1 or self.counts["batch_size"] % everywhere:
            return 0.0
        shorter = self.pace(state, count, hosts) / self.pace(state, count)
        return float(np.clip((hosts * shorter - 1) / (hosts - 1), 0.0, 1.0))


def compiled(
    state: states.TrainState,
    step: steps.Step,
    batches: feed.Feed,
    devices: Sequence[jax.Device],
    clock: Callable[[], float],
) -> CompiledStep:
    """Return the compiled update of a population; see `loop.fit`."""
    advance = steps.make_advance(step, batches.fetch, devices)
    given = _given(state, batches, devices, 1)
    began = clock()
    traced = advance.trace(*given)
    program = traced.lower().compile()
    seconds = clock() - began
    flops = _analysis(program.cost_analysis()).get("flops", math.nan)
    slots = jax.tree.map(lambda leaf: leaf[0, 0], given[2])
    batch = jax.eval_shape(batches.fetch, given[1], slots)
    counts = {
        "parameters": sum(x.size for x in jax.tree.leaves(state.params))
        // len(state.step),
        "batch_size": len(devices) * jax.tree.leaves(batch)[0].shape[1],
        "flops": len(devices) * flops,
        "products": len(devices) * operations.products(traced.jaxpr.jaxpr),
        "bytes": _sizes(state, given, batch, program.memory_analysis()),
        "available": memory.available(devices[0]),
    }
    return CompiledStep(advance, batches, devices, counts, seconds, clock)


def _given(state, batches, devices, count) -> tuple[Any, Any, Any, Any]:
    """Return what `advance` takes for the first updates, with a copy of the state."""
    return (
        steps.place(divergence.copy(state), devices),
        steps.place(batches.data, devices),
        feed.divide(_first(batches.slots(0, count), count), len(devices)),
        np.ones(len(state.step), bool),
    )


def _first(slots: Any, count: int) -> Any:
    """Return so many slots, where a stream has given fewer."""
    return jax.tree.map(lambda leaf: np.resize(leaf, (count, *leaf.shape[1:])), slots)


def _sizes(state, given, batch, stats) -> costs.Sizes:
    data, state_bytes = _bytes(given[1]), _bytes(state)
    working = 0 if stats is None else stats.temp_size_in_bytes
    program = state_bytes + data + _bytes(batch)
    if stats is not None:
        program = stats.argument_size_in_bytes + stats.output_size_in_bytes
        program -= stats.alias_size_in_bytes
    return costs.Sizes(
        parameters=_bytes(state.params),
        optimiser=_bytes(state.opt_state),
        data=data,
        batch=_bytes(batch),
        working=working,
        # With the population before its first update and, of several members, what
        # one that diverges goes back to.
        peak=program + working + state_bytes * min(2, len(state.step)),
        averaged=_bytes(state.params) + _bytes(state.batch_stats),
    )


def _bytes(tree: Any) -> int:
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree))


def _analysis(found: Any) -> dict[str, float]:
    """Return what XLA tells of a program, which some backends wrap or lack."""
    found = found[0] if isinstance(found, list) and found else found
    return found or {}
