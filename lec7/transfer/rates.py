"""Learning rates by the path of a parameter."""

from collections.abc import Mapping

import optax

from lec7 import arguments, parameter_paths

FINE_TUNING: Mapping[str, float] = {parameter_paths.HEAD: 1.0, "": 0.1}
"""The head at the full rate, all that is pretrained at a tenth of it."""


def rates_by_path(
    rule: optax.GradientTransformation, factors: Mapping[str, float] = FINE_TUNING
) -> optax.GradientTransformationExtraArgs:
    """Multiply the learning rate of every leaf by a factor of its own.

    u <- factor u, which is another learning rate for any rule whose rate multiplies
    what it does last: all first-order rules of ours and of optax, weight decay inside
    them included, but `nesterov_lookahead`, which looks ahead along its own u. A factor
    of zero keeps a leaf where it is and the rule's state for it; `freeze` has none.

    Args:
      rule: any optax transformation.
      factors: pattern on the path of a parameter -> factor >= 0; a leaf goes by the
        first pattern that matches it.

    Returns:
      The transformation. Its `init` raises ValueError where `first_match` does.

    Raises:
      ValueError: a factor is negative.

    Example:
      >>> import jax.numpy as jnp
      >>> params = {"body": jnp.ones(1), "head": {"bias": jnp.ones(1)}}
      >>> rule = rates_by_path(optax.sgd(1.0))
      >>> updates, _ = rule.update(params, rule.init(params))
      >>> updates["body"], updates["head"]["bias"]
      (Array([-0.1], dtype=float32), Array([-1.], dtype=float32))
    """
    for pattern, factor in factors.items():
        arguments.require_non_negative(**{f"the factor of {pattern!r}": factor})
    scales = {factor: optax.scale(factor) for factor in factors.values()}
    by_path = optax.partition(
        scales, lambda tree: parameter_paths.first_match(tree, factors)
    )
    return optax.chain(rule, by_path)
