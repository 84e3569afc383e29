"""How a population is run: looped, or laid out flat.

Looped, members are one `vmap` and updates one `lax.scan`: fewest dispatches, and best
for dense layers everywhere and for everything on GPUs and TPUs. Flat, members stand
side by side in the program of one update, which is dispatched for each. That is for
steps with which `loops.are_slow`: with XLA's convolutions on the CPU. Those of
`lec7.models` are matrix products there, and stay looped.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


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

    def at(slots, t):
        return jax.tree.map(lambda leaf: leaf[:, t], slots)

    def updates(state, data, slots, active):
        made = []
        for t in range(len(jax.tree.leaves(slots)[0][0])):
            state, metrics = update(state, data, at(slots, t), active)
            made.append(metrics)
        return state, jax.tree.map(lambda *rows: np.stack(rows), *jax.device_get(made))

    updates.trace = lambda state, data, slots, active: update.trace(
        state, data, at(slots, 0), active
    )
    return updates
