"""The second moment as a metric: divide by its root, and 0/0 is 0."""

import jax
import jax.numpy as jnp
import optax


def zeros_like(params: optax.Params) -> optax.Params:
    """Return the second moment of no gradients: real zeros, also for complex leaves."""
    return optax.tree.zeros_like(optax.tree.real(params))


def squares(updates: optax.Updates) -> optax.Updates:
    """Return |u|^2 of every leaf, real also for complex leaves."""
    return jax.tree.map(lambda u: jnp.real(u * jnp.conj(u)), updates)


def divide_by_root(
    updates: optax.Updates,
    moment: optax.Updates,
    *,
    eps: jax.typing.ArrayLike,
    eps_in_sqrt: bool = False,
    eps_root: jax.typing.ArrayLike = 0.0,
) -> optax.Updates:
    """Return u / (sqrt(S + eps_root) + eps), or u / sqrt(S + eps) with `eps_in_sqrt`.

    Where the denominator is zero, which with eps = 0 is where no gradient has been
    seen, the update is zero too and is left so.
    """

    def divide(u, s):
        inside, outside = (s + eps, 0) if eps_in_sqrt else (s + eps_root, eps)
        # The root of zero has no derivative, and one through the rule would be NaN.
        is_zero = inside == 0
        root = jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, inside))) + outside
        return u / jnp.where(root == 0, 1, root)

    return jax.tree.map(divide, updates, moment)
