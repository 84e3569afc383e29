"""Stochastic gradient descent: x <- x - a g."""

import optax

from lec7.update_rules import hyperparameters, precision


def scale_by_sgd() -> optax.GradientTransformationExtraArgs:
    """Return the gradient as it is: the direction of gradient descent.

    Returns:
      The identity.
    """
    return precision.keep_dtypes(optax.identity())


def sgd(
    learning_rate: optax.ScalarOrSchedule,
) -> optax.GradientTransformationExtraArgs:
    """Descend along the gradient.

    x <- x - a g.

    | equal to | with |
    |---|---|
    | `optax.sgd(a)` | `sgd(a)` |
    | `torch.optim.SGD(lr=a)` | `sgd(a)` |

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.

    Returns:
      The update rule.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = sgd(0.1)
      >>> x = jnp.array([1.0, -2.0])
      >>> updates, state = rule.update(2 * x, rule.init(x), x)
      >>> optax.apply_updates(x, updates)
      Array([ 0.8, -1.6], dtype=float32)

    References:
      Robbins and Monro 1951, A stochastic approximation method.
    """
    return precision.keep_dtypes(hyperparameters.scale_by_learning_rate(learning_rate))
