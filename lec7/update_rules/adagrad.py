"""AdaGrad: divide the gradient by the root of the sum of its squares."""

from typing import NamedTuple

import jax
import optax

from lec7.update_rules import hyperparameters, precision, second_moment


class AdagradState(NamedTuple):
    """The sum of squares G, of the gradient's shapes, real and at least float32."""

    sum_of_squares: optax.Updates


def scale_by_adagrad(
    *,
    eps: jax.typing.ArrayLike = 1e-7,
    initial_accumulator: jax.typing.ArrayLike = 0.0,
    eps_in_sqrt: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Divide the gradient by the root of the sum of its squares to date.

    Args:
      eps: keeps the denominator from zero, >= 0; with 0 a coordinate that has seen no
        gradient stays where it is.
      initial_accumulator: G before the first step, >= 0.
      eps_in_sqrt: sqrt(G + eps) in place of sqrt G + eps.

    Returns:
      The transformation g -> g / (sqrt G + eps).
    """
    eps = hyperparameters.non_negative("eps", eps)
    start = hyperparameters.non_negative("initial_accumulator", initial_accumulator)

    def init_fn(params):
        zeros = second_moment.zeros_like(params)
        return AdagradState(sum_of_squares=optax.tree.full_like(zeros, start))

    def update_fn(updates, state, params=None):
        del params
        total = optax.tree.add(state.sum_of_squares, second_moment.squares(updates))
        updates = second_moment.divide_by_root(
            updates, total, eps=eps, eps_in_sqrt=eps_in_sqrt
        )
        return updates, AdagradState(sum_of_squares=total)

    return precision.keep_dtypes(optax.GradientTransformation(init_fn, update_fn))


def adagrad(
    learning_rate: optax.ScalarOrSchedule,
    *,
    eps: jax.typing.ArrayLike = 1e-7,
    initial_accumulator: jax.typing.ArrayLike = 0.0,
    eps_in_sqrt: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Descend with a step per coordinate that shrinks with the gradients seen.

    G <- G + |g|^2;  x <- x - a g / (sqrt G + eps). A constant gradient gives steps of
    a / sqrt t.

    | equal to | eps | initial_accumulator | eps_in_sqrt |
    |---|---|---|---|
    | the lecture (defaults) | 1e-7 | 0 | False |
    | `optax.adagrad(a)` | 1e-7 | 0.1 | True |
    | `torch.optim.Adagrad(lr=a)` | 1e-10 | 0 | False |

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.
      eps: >= 0.
      initial_accumulator: G before the first step, >= 0.
      eps_in_sqrt: sqrt(G + eps) in place of sqrt G + eps.

    Returns:
      The update rule.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = adagrad(1.0)
      >>> x = jnp.array([1.0, 100.0])
      >>> updates, state = rule.update(x, rule.init(x))
      >>> updates.round(3)
      Array([-1., -1.], dtype=float32)

    References:
      Duchi et al. 2011, Adaptive subgradient methods for online learning and
      stochastic optimization, JMLR 12, sec. 1.1.
    """
    return precision.keep_dtypes(
        optax.chain(
            scale_by_adagrad(
                eps=eps,
                initial_accumulator=initial_accumulator,
                eps_in_sqrt=eps_in_sqrt,
            ),
            hyperparameters.scale_by_learning_rate(learning_rate),
        )
    )
