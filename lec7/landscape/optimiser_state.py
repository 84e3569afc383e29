"""What an optimiser remembers, as directions."""

import chex
import jax
import jax.numpy as jnp
import optax


def state_direction(
    opt_state: optax.OptState, params: chex.ArrayTree, name: str
) -> chex.ArrayTree:
    """Return a part of an optimiser's state that is like the parameters.

    So the momentum, a moment of the gradient or an average can be the direction of a
    slice, through `normalise` or as it is.

    Args:
      opt_state: state of any optax transformation, or a chain of them.
      params: pytree that the part must be like.
      name: the part's field: `velocity` in `update_rules.momentum`, `trace` in
        `optax.sgd`, `mu` and `nu` in `optax.adam`.

    Returns:
      A pytree like `params`.

    Raises:
      ValueError: there is no such part, or there are several.

    Example:
      >>> params, rule = {"w": jnp.zeros(2)}, optax.adam(0.1, b1=0.5)
      >>> _, state = rule.update({"w": jnp.ones(2)}, rule.init(params), params)
      >>> state_direction(state, params, "mu")
      {'w': Array([0.5, 0.5], dtype=float32)}
    """
    shapes = jax.tree.map(jnp.shape, params)

    def is_like(node: chex.ArrayTree) -> bool:
        alike = jax.tree.structure(node) == jax.tree.structure(params)
        return alike and jax.tree.map(jnp.shape, node) == shapes

    parts = [
        (getattr(path[-1], "name", None), node)
        for path, node in jax.tree.leaves_with_path(opt_state, is_leaf=is_like)
        if path and is_like(node)
    ]
    found = [part for field, part in parts if field == name]
    if len(found) != 1:
        raise ValueError(
            f"the optimiser state has {len(found)} parts {name!r} that are like the "
            f"parameters; expected one of {[field for field, _ in parts]}"
        )
    return found[0]
