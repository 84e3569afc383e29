"""The mean of all parameters so far, kept beside any update rule."""

import optax

from lec7.update_rules.averaging import parameter_average


def polyak_ruppert() -> optax.GradientTransformationExtraArgs:
    """Average the parameters after every update, all with the same weight.

    average_t = (x_1 + ... + x_t) / t, as average <- average + (x_t - average) / t. The
    initial parameters x_0 are left out. At a constant rate the iterates circle around
    the minimum, and their mean comes closer as 1 / t; to leave out the way there too,
    take `stochastic_weight_average(start, 1)`.

    Last in a chain, as it takes what reaches it for the update that will be applied.

    Equal to torch's `AveragedModel`, updated after every step.

    Returns:
      A transformation that needs `params`; read it with `averaged_params`.

    Example:
      >>> import jax.numpy as jnp
      >>> from lec7 import update_rules
      >>> rule = optax.chain(optax.sgd(1.0), polyak_ruppert())
      >>> x = jnp.array(0.0)
      >>> state = rule.init(x)
      >>> for _ in range(3):
      ...     updates, state = rule.update(jnp.array(-3.0), state, x)
      ...     x = optax.apply_updates(x, updates)
      >>> x, update_rules.averaged_params(state)
      (Array(9., dtype=float32), Array(6., dtype=float32))

    References:
      Ruppert 1988, Efficient estimations from a slowly convergent Robbins-Monro
      process; Polyak and Juditsky 1992, Acceleration of stochastic approximation by
      averaging.
    """
    return parameter_average.average_params("polyak_ruppert", lambda count: 1.0 / count)
