"""Nesterov momentum in the variable y = x + decay v, where its gradient is taken."""

from typing import NamedTuple

import jax
import optax

from lec7.update_rules import hyperparameters, precision


class NesterovState(NamedTuple):
    """The velocity, of the gradient's shapes and at least float32."""

    velocity: optax.Updates


def scale_by_nesterov(
    *, decay: jax.typing.ArrayLike = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Replace a step s by the velocity, corrected by its own change.

    v <- decay v_old + s;  s -> v + decay (v - v_old). It is linear, and may be put on
    either side of the learning rate: after it, s = -a g, the velocity remembers every
    gradient at the rate of its own time, as look-ahead does; before it, s = g, the
    newest rate multiplies the whole velocity.

    Args:
      decay: the share of the velocity that a step keeps, in [0, 1).

    Returns:
      The transformation s -> v + decay (v - v_old).
    """
    decay = hyperparameters.fraction("decay", decay)

    def init_fn(params):
        return NesterovState(velocity=optax.tree.zeros_like(params))

    def update_fn(updates, state, params=None):
        del params
        velocity = optax.tree.add_scale(updates, decay, state.velocity)
        change = optax.tree.sub(velocity, state.velocity)
        corrected = optax.tree.add_scale(velocity, decay, change)
        return corrected, NesterovState(velocity=velocity)

    return precision.keep_dtypes(optax.GradientTransformation(init_fn, update_fn))


def nesterov(
    learning_rate: optax.ScalarOrSchedule, *, decay: jax.typing.ArrayLike = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Descend by Nesterov momentum with loss and gradient at one point.

    v <- decay v_old - a g(y);  y <- y - decay v_old + (1 + decay) v. The parameters y
    are the point that look-ahead looks at, y = x + decay v, so that under any schedule
    this is `nesterov_lookahead` seen from there.

    | equal to | constant rate | schedule |
    |---|---|---|
    | `nesterov_lookahead(a, decay=b)` | `nesterov(a, decay=b)` | the same |
    | `optax.sgd(a, b, nesterov=True)` | `nesterov(a, decay=b)` | the other order |
    | `torch.optim.SGD`, likewise | `nesterov(a, decay=b)` | the other order |

    The other order is `scale_by_nesterov(decay=b)` before
    `optax.scale_by_learning_rate(a)`; here the rate comes first.

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.
      decay: in [0, 1).

    Returns:
      The update rule.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = nesterov(0.1, decay=0.5)
      >>> y = jnp.array([1.0])
      >>> updates, state = rule.update(jnp.array([1.0]), rule.init(y))
      >>> updates
      Array([-0.15], dtype=float32)

    References:
      Nesterov 1983, A method of solving a convex programming problem with convergence
      rate O(1/k^2); Sutskever et al. 2013, On the importance of initialization and
      momentum in deep learning, sec. 2.
    """
    return precision.keep_dtypes(
        optax.chain(
            hyperparameters.scale_by_learning_rate(learning_rate),
            scale_by_nesterov(decay=decay),
        )
    )
