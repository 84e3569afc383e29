"""Weight decay, by the two names of what it can mean.

`l2_in_loss` adds a gradient, and the rule treats it like the rest of the gradient:
momentum remembers it, Adam divides it by its root. `decoupled_decay` shrinks the
parameters beside the rule. Under plain gradient descent the two are one.

Either acts on all parameters, or on those whose path a regular expression matches:
`"kernel$"` spares biases and BatchNorm's scale and bias, as is the custom.
"""

import jax
import optax

from lec7 import parameter_paths
from lec7.update_rules import hyperparameters, precision


def l2_in_loss(
    rate: jax.typing.ArrayLike, *, pattern: str | None = None
) -> optax.GradientTransformationExtraArgs:
    """Add the gradient of .5 rate |x|^2 to the gradient.

    g <- g + rate x. Before a rule, and after a clipping of the loss's own gradient. It
    reaches what goes through the chain: a rule that takes gradients or losses itself
    (`nesterov_lookahead`, `sharpness_aware`, the second-order pack) needs the penalty
    inside the loss it is given.

    | equal to | with |
    |---|---|
    | `optax.add_decayed_weights(l)` before a rule | `l2_in_loss(l)` before it |
    | torch's `weight_decay=l` in `SGD`, `Adam`, ... | `l2_in_loss(l)` before the rule |

    Args:
      rate: a finite number >= 0; twice the lambda of a penalty lambda |x|^2.
      pattern: regular expression, searched for in paths like `Dense_0/kernel`; where it
        is not found nothing decays. None for all parameters.

    Returns:
      A transformation that needs `params`; its `init` raises a ValueError where the
      pattern matches no parameter.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = optax.chain(l2_in_loss(0.1), optax.sgd(1.0))
      >>> x = jnp.array([1.0, -2.0])
      >>> updates, _ = rule.update(jnp.zeros(2), rule.init(x), x)
      >>> updates
      Array([-0.1,  0.2], dtype=float32)

    References:
      Loshchilov and Hutter 2019, arXiv:1711.05101, algorithms 1 and 2, pink.
    """
    rate = hyperparameters.non_negative("rate", rate)

    def update_fn(updates, state, params=None):
        return optax.tree.add(updates, _pull("l2_in_loss", rate, params)), state

    decay = optax.GradientTransformation(optax.init_empty_state, update_fn)
    return _restricted(precision.keep_dtypes(decay), pattern)


def decoupled_decay(
    learning_rate: optax.ScalarOrSchedule,
    rate: jax.typing.ArrayLike,
    *,
    pattern: str | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Shrink the parameters by a share of themselves, whatever the rule does.

    u <- u - a rate x, so that x <- (1 - a rate) x + u. After a rule, its learning rate
    included, which is the same rate a as here unless one is after the paper's form.

    | equal to | with |
    |---|---|
    | `optax.adamw(a, weight_decay=l)` | `chain(adam(a), decoupled_decay(a, l))` |
    | `torch.optim.AdamW(lr=a, weight_decay=l)` | the same |
    | the paper, with its schedule multiplier s(t) | `decoupled_decay(s, l)` |

    In the paper the rate of the rule is s(t) times a constant that does not scale the
    decay.

    Args:
      learning_rate: a, a finite number >= 0 or a schedule.
      rate: a finite number >= 0.
      pattern: as for `l2_in_loss`.

    Returns:
      A transformation that needs `params`; its `init` raises a ValueError where the
      pattern matches no parameter.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = optax.chain(optax.adam(0.5), decoupled_decay(0.5, 0.1))
      >>> x = jnp.array([1.0, -2.0])
      >>> updates, _ = rule.update(jnp.zeros(2), rule.init(x), x)
      >>> updates
      Array([-0.05,  0.1 ], dtype=float32)

    References:
      Loshchilov and Hutter 2019, arXiv:1711.05101, algorithms 1 and 2, green.
    """
    rate = hyperparameters.non_negative("rate", rate)
    scale = hyperparameters.scale_by_learning_rate(learning_rate)

    def update_fn(updates, state, params=None):
        pull = _pull("decoupled_decay", rate, params)
        shrinking, state = scale.update(pull, state)
        return optax.tree.add(updates, shrinking), state

    decay = optax.GradientTransformation(scale.init, update_fn)
    return _restricted(precision.keep_dtypes(decay), pattern)


def _pull(name: str, rate: jax.typing.ArrayLike, params: optax.Params) -> optax.Updates:
    """Return the gradient of .5 rate |x|^2, in at least float32.

    Raises:
      ValueError: `params` is missing.
    """
    if params is None:
        raise ValueError(
            f"{name} decays the parameters: call update(updates, state, params)"
        )
    return optax.tree.scale(rate, precision.at_least_float32(params))


def _restricted(
    decay: optax.GradientTransformationExtraArgs, pattern: str | None
) -> optax.GradientTransformationExtraArgs:
    """Return a decay of the parameters whose path matches, or of all for None."""
    if pattern is None:
        return decay
    parameter_paths.search(pattern, ())
    return optax.masked(decay, lambda tree: parameter_paths.matches(tree, pattern))
