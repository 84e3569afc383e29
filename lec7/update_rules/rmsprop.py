"""RMSProp: AdaGrad with a sum of squares that forgets."""

from typing import NamedTuple

import jax
import optax

from lec7.update_rules import hyperparameters, precision, second_moment


class RmspropState(NamedTuple):
    """The mean square S, of the gradient's shapes, real and at least float32."""

    mean_square: optax.Updates


def scale_by_rmsprop(
    *,
    decay: jax.typing.ArrayLike = 0.99,
    eps: jax.typing.ArrayLike = 1e-7,
    eps_in_sqrt: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Divide the gradient by the root of an exponential average of its squares.

    Args:
      decay: the share of the average that a step keeps, in [0, 1).
      eps: keeps the denominator from zero, >= 0; with 0 a coordinate that has seen no
        gradient stays where it is.
      eps_in_sqrt: sqrt(S + eps) in place of sqrt S + eps.

    Returns:
      The transformation g -> g / (sqrt S + eps).
    """
    decay = hyperparameters.fraction("decay", decay)
    eps = hyperparameters.non_negative("eps", eps)

    def init_fn(params):
        return RmspropState(mean_square=second_moment.zeros_like(params))

    def update_fn(updates, state, params=None):
        del params
        mean_square = optax.tree.update_moment_per_elem_norm(
            updates, state.mean_square, decay, 2
        )
        updates = second_moment.divide_by_root(
            updates, mean_square, eps=eps, eps_in_sqrt=eps_in_sqrt
        )
        return updates, RmspropState(mean_square=mean_square)

    return precision.keep_dtypes(optax.GradientTransformation(init_fn, update_fn))


def rmsprop(
    learning_rate: optax.ScalarOrSchedule,
    *,
    decay: jax.typing.ArrayLike = 0.99,
    eps: jax.typing.ArrayLike = 1e-7,
    eps_in_sqrt: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Descend with a step per coordinate, scaled by the recent size of its gradient.

    S <- decay S + (1 - decay) |g|^2;  x <- x - a g / (sqrt S + eps). S begins at zero
    and is not corrected for it, so the first step is of a / sqrt(1 - decay).

    | equal to | decay | eps | eps_in_sqrt |
    |---|---|---|---|
    | the lecture (defaults) | 0.99 | 1e-7 | False |
    | `optax.rmsprop(a)` | 0.9 | 1e-8 | True |
    | `torch.optim.RMSprop(lr=a)` | 0.99 | 1e-8 | False |

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.
      decay: in [0, 1).
      eps: >= 0.
      eps_in_sqrt: sqrt(S + eps) in place of sqrt S + eps.

    Returns:
      The update rule.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = rmsprop(0.1)
      >>> x = jnp.array([1.0, 100.0])
      >>> updates, state = rule.update(x, rule.init(x))
      >>> updates.round(3)
      Array([-1., -1.], dtype=float32)

    References:
      Tieleman and Hinton 2012, Neural networks for machine learning, lecture 6.5.
    """
    return precision.keep_dtypes(
        optax.chain(
            scale_by_rmsprop(decay=decay, eps=eps, eps_in_sqrt=eps_in_sqrt),
            hyperparameters.scale_by_learning_rate(learning_rate),
        )
    )
