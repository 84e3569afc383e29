"""An exponential average of the parameters, kept beside any update rule."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import exponential_average, hyperparameters, precision


class AverageState(NamedTuple):
    """An average of the parameters."""

    count: jax.Array  # parameters averaged, int32 []
    average: optax.Params  # of the parameters' shapes, at least float32


def polyak_average(
    decay: jax.typing.ArrayLike = 0.999, *, debias: bool = True
) -> optax.GradientTransformationExtraArgs:
    """Average the parameters after every update, and leave the updates as they are.

    average <- average + w (x_t - average), with w = (1 - decay) / (1 - decay^t), the
    first being 1: the average that begins at zero, divided by its total weight, in the
    form that reproduces a constant to the last bit. Without `debias`, w = 1 - decay and
    the average begins at the initial parameters, which fade as decay^t.

    Last in a chain, as it takes what reaches it for the update that will be applied.

    | equal to | with |
    |---|---|
    | `optax.ema(b)` of the parameters | `polyak_average(b)` |
    | torch's `AveragedModel`, EMA | `polyak_average(b, debias=False)` |

    torch's copies what it is first updated with, here the initial parameters.

    Args:
      decay: the share of the average that a step keeps, in [0, 1).
      debias: whether the initial parameters are left out of the average.

    Returns:
      A transformation that needs `params`; read it with `averaged_params`.

    Example:
      >>> rule = optax.chain(optax.sgd(1.0), polyak_average(0.5))
      >>> x = jnp.array(0.0)
      >>> state = rule.init(x)
      >>> for _ in range(2):
      ...     updates, state = rule.update(jnp.array(-3.0), state, x)
      ...     x = optax.apply_updates(x, updates)
      >>> x, averaged_params(state)
      (Array(6., dtype=float32), Array(5., dtype=float32))

    References:
      Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging,
      for the uniform mean; CS231n lecture 7 for the exponential one.
    """
    decay = hyperparameters.fraction("decay", decay)

    def init_fn(params):
        # A copy, since a step may be given parameters and state to overwrite.
        average = jax.tree.map(jnp.copy, params)
        return AverageState(count=jnp.zeros([], jnp.int32), average=average)

    def update_fn(updates, state, params=None):
        if params is None:
            raise ValueError(
                "polyak_average averages the parameters: call "
                "update(updates, state, params)"
            )
        count = optax.safe_increment(state.count)
        weight = 1 - decay
        if debias:
            weight = weight / exponential_average.total_weight(decay, count)

        def advance(average, x):
            moved = average + weight * (x - average)
            return jnp.where(count == 1, x, moved) if debias else moved

        new_params = optax.apply_updates(params, updates)
        average = jax.tree.map(advance, state.average, new_params)
        return updates, AverageState(count=count, average=average)

    return precision.keep_dtypes(optax.GradientTransformation(init_fn, update_fn))


def averaged_params(opt_state: optax.OptState) -> optax.Params:
    """Return the average of the parameters held anywhere inside an optimiser state.

    Before the first update it is the initial parameters. Parameters of half precision
    are averaged in float32.

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
