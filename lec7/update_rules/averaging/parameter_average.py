"""An average of the parameters, kept beside any update rule: the shared machinery."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import precision


class AverageState(NamedTuple):
    """An average of the parameters."""

    count: jax.Array  # updates made, int32 []
    average: optax.Params  # of the parameters' shapes, at least float32


def average_params(
    name: str, weight: Callable[[jax.Array], jax.Array]
) -> optax.GradientTransformationExtraArgs:
    """Return the transformation average <- average + w_t (x_t - average).

    x_t are the parameters after update t = 1, 2, ...; updates are left as they are. The
    form reproduces a constant to the last bit. Before the first update the average is
    the initial parameters. At a weight of 1 the parameters are copied, and at 0 the
    average is kept, whatever else is or is not finite.

    Raises:
      ValueError: in `update`, params is missing; the message names the rule.
    """

    def init_fn(params):
        # A copy, since a step may be given parameters and state to overwrite.
        average = jax.tree.map(jnp.copy, params)
        return AverageState(count=jnp.zeros([], jnp.int32), average=average)

    def update_fn(updates, state, params=None):
        if params is None:
            raise ValueError(
                f"{name} averages the parameters: call update(updates, state, params)"
            )
        count = optax.safe_increment(state.count)
        w = weight(count)

        def advance(average, x):
            moved = average + w * (x - average)
            return jnp.where(w == 1, x, jnp.where(w == 0, average, moved))

        new_params = optax.apply_updates(params, updates)
        average = jax.tree.map(advance, state.average, new_params)
        return updates, AverageState(count=count, average=average)

    return precision.keep_dtypes(optax.GradientTransformation(init_fn, update_fn))


def averaged_params(opt_state: optax.OptState) -> optax.Params:
    """Return the average of the parameters held anywhere inside an optimiser state.

    It finds that of `polyak_average`, `polyak_ruppert` and `stochastic_weight_average`.
    Before the first update it is the initial parameters. Parameters of half precision
    are averaged in float32. A network with BatchNorm needs the statistics of these
    parameters too, see `lec7.train.refit_batch_stats`.

    Args:
      opt_state: any pytree, as the state of `optax.chain`, `optax.MultiSteps`,
        `optax.inject_hyperparams` or `optax.masked`, or a whole train state.

    Returns:
      The average, of the structure of the parameters; leaves that a mask kept from it
      are `optax.MaskedNode`.

    Raises:
      ValueError: the state holds no average, or several.
    """

    def is_average(node):
        return isinstance(node, AverageState)

    nodes = jax.tree.leaves(opt_state, is_leaf=is_average)
    averages = [node.average for node in nodes if is_average(node)]
    if len(averages) != 1:
        raise ValueError(
            f"the optimiser state holds {len(averages)} averages of the parameters, "
            "expected 1: end the chain in one polyak_average(), or pass the part of "
            "the state that holds the one you mean"
        )
    return averages[0]
