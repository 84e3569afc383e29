"""An exponential average of the parameters, kept beside any update rule."""

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import exponential_average, hyperparameters
from lec7.update_rules.averaging import parameter_average


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
      >>> from lec7 import update_rules
      >>> rule = optax.chain(optax.sgd(1.0), polyak_average(0.5))
      >>> x = jnp.array(0.0)
      >>> state = rule.init(x)
      >>> for _ in range(2):
      ...     updates, state = rule.update(jnp.array(-3.0), state, x)
      ...     x = optax.apply_updates(x, updates)
      >>> x, update_rules.averaged_params(state)
      (Array(6., dtype=float32), Array(5., dtype=float32))

    References:
      CS231n lecture 7; Polyak and Juditsky 1992 is about the uniform mean, which is
      `polyak_ruppert`.
    """
    decay = hyperparameters.fraction("decay", decay)

    def weight(count):
        if not debias:
            return jnp.asarray(1 - decay)
        total = exponential_average.total_weight(decay, count)
        return jnp.where(count == 1, 1, (1 - decay) / total)

    return parameter_average.average_params("polyak_average", weight)
