"""How a population is run: looped, or laid out flat.

Looped, members are one `vmap` and updates one `lax.scan`: fewest dispatches, and best
for dense layers everywhere and for everything on GPUs and TPUs. Flat, members stand
side by side in the program of one update, which is dispatched for each. On the CPU XLA
computes convolutions many times slower inside loops, and grouped, which is what `vmap`
makes of them. A step with convolutions is therefore run flat there; those of
`lec7.models` are matrix products on the CPU, and stay looped.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def is_flat(
    function: Callable,
    *arguments: Any,
    devices: Sequence[jax.Device],
    axis: str | None = None,
) -> bool:
    """Return whether a function of one member should be run flat.

    Args:
      function: such as a step, or a network in test mode.
      arguments: of one member, as arrays or as their shapes.
      devices: where it runs.
      axis: the mapped axis over them, if it averages over it and is not mapped yet.
    """
    if devices[0].platform != "cpu":
        return False
    axes = [] if axis is None else [(axis, len(devices))]
    program = jax.make_jaxpr(function, axis_env=axes)(*arguments)
    return "conv_general_dilated" in str(program)


def over_members(function: Callable, *, flat: bool) -> Callable:
    """Return a function of trees with a leading axis [M] from one of a member."""
    if not flat:
        return jax.vmap(function)

    def side_by_side(*arguments):
        (members,) = {len(leaf) for leaf in jax.tree.leaves(arguments)}
        results = [
            function(*jax.tree.map(lambda leaf, i=i: leaf[i], arguments))
            for i in range(members)
        ]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *results)

    return side_by_side


def dispatched(update: Callable) -> Callable:
    """Return T updates, slots [D, T, ...], of a compiled one."""

    def updates(state, data, slots, active):
        made = []
        for t in range(len(jax.tree.leaves(slots)[0][0])):
            slot = jax.tree.map(lambda leaf, t=t: leaf[:, t], slots)
            state, metrics = update(state, data, slot, active)
            made.append(metrics)
        return state, jax.tree.map(lambda *rows: np.stack(rows), *jax.device_get(made))

    return updates
