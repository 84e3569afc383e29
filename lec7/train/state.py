"""What one member carries from update to update."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

from lec7 import arguments, memory


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
    hyperparams: Mapping[str, jax.Array] | None = None,
) -> TrainState:
    """Return the state of one member before its first update.

    The seed decides the initial parameters and all noise in training.
    """
    initial_key, training_key = jax.random.split(jax.random.key(seed))
    variables = initialise(initial_key)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        key=training_key,
        params=variables["params"],
        batch_stats=variables.get("batch_stats", {}),
        opt_state=_with_hyperparams(rule.init(variables["params"]), hyperparams or {}),
    )


def initial_population(
    initialise: Callable[[jax.Array], Mapping[str, Any]],
    rule: optax.GradientTransformation,
    seeds: Sequence[int],
    hyperparams: Mapping[str, jax.typing.ArrayLike] | None = None,
) -> TrainState:
    """Return the states of M members as one, every leaf with a leading axis [M].

    A member depends on its own seed alone, not on who else is in the population.

    Args:
      initialise: key -> variables with `params` and, with BatchNorm, `batch_stats`.
      rule: the update rule, shared by the members.
      seeds: M integers; different ones, unless the members differ in `hyperparams`.
      hyperparams: name -> a value for each member [M, ...], of hyper-parameters that
        `optax.inject_hyperparams` keeps in the state of the rule, or of a part of it.

    Raises:
      TooLargeError: they need more memory than there is.
      ValueError: `seeds` is empty, holds a seed twice or what is no integer >= 0, a
        hyper-parameter has not a value for each seed, or the rule keeps none of its
        name or schedules it.

    Example:
      >>> make_rule = optax.inject_hyperparams(optax.sgd)
      >>> state = initial_population(
      ...     lambda key: {"params": jax.random.normal(key, (3,))},
      ...     make_rule(learning_rate=0.1),
      ...     seeds=(0, 0),
      ...     hyperparams={"learning_rate": (0.01, 0.1)},
      ... )
      >>> state.opt_state.hyperparams
      {'learning_rate': Array([0.01, 0.1 ], dtype=float32)}
    """
    hyperparams = hyperparams or {}
    seeds = require_seeds(seeds)
    if not seeds or (len(set(seeds)) < len(seeds) and not hyperparams):
        raise ValueError(f"seeds is {list(seeds)}; expected one or more different ones")
    make = jax.jit(jax.vmap(functools.partial(create, initialise, rule)))
    values = {name: jnp.asarray(value, float) for name, value in hyperparams.items()}
    for name, value in values.items():
        if value.shape[:1] != (len(seeds),):
            raise ValueError(
                f"hyperparams has {name!r} of shape {value.shape}; expected "
                f"({len(seeds)}, ...), a value for each seed"
            )
    _require_memory(make.eval_shape(jnp.asarray(seeds), values), len(seeds))
    return make(jnp.asarray(seeds), values)


def require_seeds(seeds: Any) -> tuple[int, ...]:
    """Return seeds as integers of Python, which an array's are not.

    Raises:
      ValueError: they are no sequence of integers >= 0.
    """
    if np.ndim(seeds) != 1 or np.asarray(seeds).dtype.kind not in "iu" and len(seeds):
        raise ValueError(f"seeds is {seeds!r}; expected a sequence of integers")
    seeds = tuple(map(int, seeds))
    for index, seed in enumerate(seeds):
        arguments.require_counts(least=0, **{f"seeds[{index}]": seed})
    return seeds


def _require_memory(state: TrainState, members: int) -> None:
    """Refuse a population that does not fit with its copy and its gradients."""

    def size(tree):
        return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))

    parameters = sum(x.size for x in jax.tree.leaves(state.params)) // members
    memory.require(
        2 * size(state) + size(state.params),
        f"{members} seeds of {parameters:,} parameters with their rule's state",
        jax.local_devices()[0],
    )


def _with_hyperparams(
    opt_state: optax.OptState, hyperparams: Mapping[str, jax.Array]
) -> optax.OptState:
    """Return the state of a rule with other values of what is injected into it.

    Raises:
      ValueError: the state has no hyper-parameter of a name, or a schedule sets it.
    """
    for name, value in hyperparams.items():
        kept, scheduled = (
            optax.tree.get_all_with_path(opt_state, name, _is_below(field))
            for field in ("hyperparams", "hyperparams_states")
        )
        if scheduled or not kept:
            raise ValueError(
                f"hyperparams has {name!r}, which the state of the rule "
                f"{'leaves to a schedule' if scheduled else 'has not'}; expected the "
                "name of a constant argument of `optax.inject_hyperparams(...)`"
            )
        new = {name: value}
        opt_state = optax.tree.set(opt_state, _is_below("hyperparams"), **new)
    return opt_state


def _is_below(field: str) -> Callable[[tuple[Any, ...], Any], bool]:
    """Return what tells whether a path ends just below a field of a named tuple."""
    return lambda path, _: len(path) > 1 and getattr(path[-2], "name", None) == field
