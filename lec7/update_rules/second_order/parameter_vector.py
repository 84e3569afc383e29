"""Parameters as one vector of real numbers, where a Hessian is a matrix.

A complex parameter counts as two. Its gradient is taken for conj(jax.grad), as in
optax, whose two parts are the derivatives by the parameter's two parts.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from lec7.update_rules import precision


def flatten(
    tree: optax.Params,
) -> tuple[jax.Array, Callable[[jax.Array], optax.Params]]:
    """Return a tree as a real vector [P] of at least float32, and the way back."""
    wide = precision.at_least_float32(tree)

    def split(x):
        return (x.real, x.imag) if jnp.iscomplexobj(x) else x

    def join(x, parts):
        return jax.lax.complex(*parts) if jnp.iscomplexobj(x) else parts

    vector, unravel = ravel_pytree(jax.tree.map(split, wide))

    def unflatten(other):
        return jax.tree.map(join, wide, unravel(other.astype(vector.dtype)))

    return vector, unflatten


def normalise(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return an array over the power of two by which entries are 1 at most, and that.

    In float32 squares vanish below 1e-19 and are infinite above 1e19.
    """
    top = jax.lax.stop_gradient(jnp.max(jnp.abs(x), initial=0))
    lowest = jnp.finfo(top.dtype).minexp
    power = jnp.ldexp(1, jnp.clip(jnp.frexp(top)[1], lowest, -lowest)).astype(x.dtype)
    return x / power, power


def secant_scale(step: jax.Array, change: jax.Array) -> jax.Array:
    """Return y.s / y.y of a pair, also where y.y is beyond the range of its numbers."""
    limits = jnp.finfo(change.dtype)
    square = jnp.vdot(change, change)
    is_normal = (square > limits.tiny) & (square < limits.max)
    scaled, unit = normalise(change)
    ratio = jnp.vdot(scaled, step) / jnp.vdot(scaled, scaled) / unit
    return jnp.where(is_normal, jnp.vdot(change, step) / square, ratio)
