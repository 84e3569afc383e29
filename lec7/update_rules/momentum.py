"""Momentum: v <- decay v + g, x <- x - a v."""

from typing import NamedTuple

import jax
import optax

from lec7.update_rules import hyperparameters, precision


class MomentumState(NamedTuple):
    """The velocity, of the gradient's shapes and at least float32."""

    velocity: optax.Updates


def scale_by_momentum(
    *, decay: jax.typing.ArrayLike = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by the velocity, v <- decay v + g.

    The velocity is the sum of the past gradients, each weighted by decay to the power
    of its age. Of a constant gradient it is g (1 - decay^t) / (1 - decay).

    Args:
      decay: the share of the velocity that a step keeps, in [0, 1).

    Returns:
      The transformation g -> v.
    """
    decay = hyperparameters.fraction("decay", decay)

    def init_fn(params):
        return MomentumState(velocity=optax.tree.zeros_like(params))

    def update_fn(updates, state, params=None):
        del params
        velocity = optax.tree.add_scale(updates, decay, state.velocity)
        return velocity, MomentumState(velocity=velocity)

    return precision.keep_dtypes(optax.GradientTransformation(init_fn, update_fn))


def momentum(
    learning_rate: optax.ScalarOrSchedule, *, decay: jax.typing.ArrayLike = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Descend along a velocity that gathers gradients.

    v <- decay v + g;  x <- x - a v, with v = 0 at first. The rate multiplies the whole
    velocity, so a drop of the rate is felt at once.

    | equal to | with |
    |---|---|
    | `optax.sgd(a, momentum=b)` | `momentum(a, decay=b)` |
    | `torch.optim.SGD(lr=a, momentum=b)` | `momentum(a, decay=b)` |
    | Sutskever et al., `keras.optimizers.SGD(a, b)` | the halves in the other order |

    In the other order, `optax.scale_by_learning_rate(a)` before `scale_by_momentum`,
    the velocity remembers every gradient at the rate of its own time.

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.
      decay: in [0, 1).

    Returns:
      The update rule.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = momentum(0.1, decay=0.5)
      >>> x = jnp.array([1.0])
      >>> state = rule.init(x)
      >>> for _ in range(2):
      ...     updates, state = rule.update(jnp.array([1.0]), state)
      >>> updates
      Array([-0.15], dtype=float32)

    References:
      Polyak 1964, Some methods of speeding up the convergence of iteration methods;
      Sutskever et al. 2013, On the importance of initialization and momentum in deep
      learning.
    """
    return precision.keep_dtypes(
        optax.chain(
            scale_by_momentum(decay=decay),
            hyperparameters.scale_by_learning_rate(learning_rate),
        )
    )
