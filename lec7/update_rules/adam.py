"""Adam, and the lecture's "almost Adam" without bias correction."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lec7.update_rules import (
    exponential_average,
    hyperparameters,
    precision,
    second_moment,
)


class AdamState(NamedTuple):
    """The moments, of the gradient's shapes and at least float32."""

    count: jax.Array  # steps taken, int32 []
    first: optax.Updates  # m
    second: optax.Updates  # v, real


def scale_by_adam(
    *,
    b1: jax.typing.ArrayLike = 0.9,
    b2: jax.typing.ArrayLike = 0.999,
    eps: jax.typing.ArrayLike = 1e-8,
    eps_root: jax.typing.ArrayLike = 0.0,
    bias_correction: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Divide the average of the gradient by the root of the average of its square.

    Args:
      b1: decay of the first moment, in [0, 1).
      b2: decay of the second moment, in [0, 1).
      eps: keeps the denominator from zero, >= 0; with 0 a coordinate that has seen no
        gradient stays where it is.
      eps_root: added to the second moment, >= 0.
      bias_correction: whether to divide each moment by 1 - b^t, its total weight.

    Returns:
      The transformation g -> mh / (sqrt(vh + eps_root) + eps).
    """
    b1 = hyperparameters.fraction("b1", b1)
    b2 = hyperparameters.fraction("b2", b2)
    eps = hyperparameters.non_negative("eps", eps)
    eps_root = hyperparameters.non_negative("eps_root", eps_root)

    def init_fn(params):
        return AdamState(
            count=jnp.zeros([], jnp.int32),
            first=optax.tree.zeros_like(params),
            second=second_moment.zeros_like(params),
        )

    def update_fn(updates, state, params=None):
        del params
        count = optax.safe_increment(state.count)
        first = m = optax.tree.update_moment(updates, state.first, b1, 1)
        second = v = optax.tree.update_moment_per_elem_norm(
            updates, state.second, b2, 2
        )
        if bias_correction:
            m = optax.tree.scale(1 / exponential_average.total_weight(b1, count), m)
            v = optax.tree.scale(1 / exponential_average.total_weight(b2, count), v)
        updates = second_moment.divide_by_root(m, v, eps=eps, eps_root=eps_root)
        return updates, AdamState(count=count, first=first, second=second)

    return precision.keep_dtypes(optax.GradientTransformation(init_fn, update_fn))


def adam(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: jax.typing.ArrayLike = 0.9,
    b2: jax.typing.ArrayLike = 0.999,
    eps: jax.typing.ArrayLike = 1e-8,
    eps_root: jax.typing.ArrayLike = 0.0,
    bias_correction: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Descend along an average gradient, scaled per coordinate by its average size.

    m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) |g|^2;  mh = m / (1 - b1^t);
    vh = v / (1 - b2^t);  x <- x - a mh / (sqrt vh + eps), t counted from 1. Without the
    correction, mh = m and vh = v, the first step is of a (1 - b1) / sqrt(1 - b2),
    3.16 a at the defaults, whatever the gradient.

    | equal to | eps | bias_correction |
    |---|---|---|
    | `optax.adam(a)` (defaults) | 1e-8 | True |
    | `torch.optim.Adam(lr=a)` (defaults) | 1e-8 | True |
    | the lecture's almost Adam | 1e-7 | False |

    optax's `eps_root` is the one here.

    `optax.inject_hyperparams` rounds hyper-parameters to the precision of the
    parameters, and bfloat16 has no 0.999: give it `hyperparam_dtype=jnp.float32`.

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.
      b1: in [0, 1).
      b2: in [0, 1).
      eps: >= 0.
      eps_root: added to vh inside its root, >= 0. It bounds derivatives through the
        rule, as of a loss after training by the initial parameters, where a gradient is
        near zero; at exactly zero they are finite without it.
      bias_correction: False is the lecture's almost Adam.

    Returns:
      The update rule.

    Example:
      >>> rule = adam(1.0)
      >>> x = jnp.array([1.0, 100.0])
      >>> updates, state = rule.update(x, rule.init(x))
      >>> updates.round(3)
      Array([-1., -1.], dtype=float32)

    References:
      Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
    """
    return precision.keep_dtypes(
        optax.chain(
            scale_by_adam(
                b1=b1,
                b2=b2,
                eps=eps,
                eps_root=eps_root,
                bias_correction=bias_correction,
            ),
            hyperparameters.scale_by_learning_rate(learning_rate),
        )
    )
