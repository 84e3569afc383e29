"""What one member carries from update to update."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct


class TrainState(struct.PyTreeNode):
    """The state of one member; a population adds a leading axis [M] to every leaf.

    It never has a device axis, so checkpoints and analyses see plain parameters.
    """

    step: jax.Array
    """Updates made so far, int32 []."""
    key: jax.Array
    """Root of the member's training noise, typed key []."""
    params: Any
    """Trainable parameters."""
    batch_stats: Any
    """BatchNorm running statistics; empty without BatchNorm."""
    opt_state: optax.OptState
    """State of the update rule."""

    @property
    def variables(self) -> dict[str, Any]:
        """The collections that a Flax model's `apply` takes."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def create(
    initialise: Callable[[jax.Array], Mapping[str, Any]],
    rule: optax.GradientTransformation,
    seed: jax.Array | int,
) -> TrainState:
    """Return the state of one member before its first update.

    Args:
      initialise: key -> variables with `params` and, with BatchNorm, `batch_stats`.
      rule: the update rule.
      seed: integer []; decides the initial parameters and all noise in training.
    """
    initial_key, training_key = jax.random.split(jax.random.key(seed))
    variables = initialise(initial_key)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        key=training_key,
        params=variables["params"],
        batch_stats=variables.get("batch_stats", {}),
        opt_state=rule.init(variables["params"]),
    )


def initial_population(
    initialise: Callable[[jax.Array], Mapping[str, Any]],
    rule: optax.GradientTransformation,
    seeds: Sequence[int],
) -> TrainState:
    """Return the states of M members as one, every leaf with a leading axis [M].

    A member depends on its own seed alone, not on who else is in the population.

    Args:
      initialise: key -> variables with `params` and, with BatchNorm, `batch_stats`.
      rule: the update rule, shared by the members.
      seeds: M different integers.

    Raises:
      ValueError: if `seeds` is empty or holds a seed twice.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds is {list(seeds)}; expected one or more different ones")
    make = jax.jit(jax.vmap(lambda seed: create(initialise, rule, seed)))
    return make(jnp.asarray(seeds))
