"""Nesterov momentum as it is told: look ahead along the velocity, correct it there."""

from typing import NamedTuple

import jax
import optax

from lec7.update_rules import hyperparameters, precision


class NesterovLookaheadState(NamedTuple):
    """What look-ahead remembers."""

    velocity: optax.Updates  # of the gradient's shapes, at least float32
    step_state: optax.OptState  # of the transformation from gradient to step


def scale_by_nesterov_lookahead(
    step: optax.GradientTransformation, *, decay: jax.typing.ArrayLike = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Add to the velocity a step that is decided where the velocity leads.

    v <- decay v + step(grad(x + decay v)), and v is the update. The gradient is taken
    in here, so whatever else is to be done with it (clipping, weight decay) belongs in
    `step`; a transformation chained before this one has no effect.

    Args:
      step: from the gradient at the look-ahead point to a step, the learning rate and
        its sign included, as `optax.scale_by_learning_rate(a)`; the parameters it sees
        are the look-ahead point.
      decay: the share of the velocity that a step keeps, in [0, 1).

    Returns:
      A transformation whose `update` takes `grad_fn`, see `nesterov_lookahead`.

    Raises:
      ValueError: decay is not a fraction; in `update`, params or grad_fn is missing.
    """
    decay = hyperparameters.fraction("decay", decay)
    step = optax.with_extra_args_support(step)

    def init_fn(params):
        return NesterovLookaheadState(
            velocity=optax.tree.zeros_like(params), step_state=step.init(params)
        )

    def update_fn(updates, state, params=None, *, grad_fn=None, **extra_args):
        del updates
        if params is None or grad_fn is None:
            raise ValueError(
                "nesterov_lookahead takes the gradient itself: call "
                "update(updates, state, params, grad_fn=...), params -> gradient"
            )
        drift = optax.tree.scale(decay, state.velocity)
        # Of at least float32: in half precision the drift would be rounded away.
        ahead = optax.apply_updates(precision.at_least_float32(params), drift)
        gradient = precision.at_least_float32(grad_fn(ahead))
        correction, step_state = step.update(
            gradient, state.step_state, ahead, **extra_args
        )
        velocity = optax.tree.add(drift, correction)
        return velocity, NesterovLookaheadState(velocity, step_state)

    return precision.keep_dtypes(
        optax.GradientTransformationExtraArgs(init_fn, update_fn)
    )


def nesterov_lookahead(
    learning_rate: optax.ScalarOrSchedule, *, decay: jax.typing.ArrayLike = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Descend by Nesterov momentum with the gradient taken at the look-ahead point.

    v <- decay v - a grad(x + decay v);  x <- x + v. `update` takes `grad_fn`, from
    parameters to gradient, calls it once, and of `updates` reads only the structure and
    the dtypes: under jit a gradient computed for them is never run. In `optax.masked`
    it sees the masked parameters, and in `optax.MultiSteps` the call that ends a cycle
    is the one that counts, so its `grad_fn` must stand for all of them.

    optax and torch have no such rule; `nesterov` is the same in another variable.

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.
      decay: in [0, 1).

    Returns:
      The update rule; `update` raises `ValueError` without `params` and `grad_fn`.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = nesterov_lookahead(0.1, decay=0.5)
      >>> grad_fn = lambda x: 2 * x
      >>> x = jnp.array([1.0])
      >>> state = rule.init(x)
      >>> for _ in range(2):
      ...     updates, state = rule.update(x, state, x, grad_fn=grad_fn)
      ...     x = optax.apply_updates(x, updates)
      >>> x
      Array([0.56], dtype=float32)

    References:
      Nesterov 1983, A method of solving a convex programming problem with convergence
      rate O(1/k^2); Sutskever et al. 2013, On the importance of initialization and
      momentum in deep learning, eq. 3 and 4.
    """
    return scale_by_nesterov_lookahead(
        hyperparameters.scale_by_learning_rate(learning_rate), decay=decay
    )
