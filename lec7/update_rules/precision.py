"""Half precision outside, float32 inside: what every rule shares.

In bfloat16 .999 S rounds back to S, so that no average ever moves; in float16 1e-8 is
zero, and g^2 is lost where |g| is below 2e-4 or above 256. So a rule computes and
remembers in at least float32, and its updates come back in the gradient's precision.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from lec7 import arguments


def at_least_float32(tree: optax.Updates) -> optax.Updates:
    """Return leaves of half precision as float32, all of them strongly typed.

    Raises:
      ValueError: a gradient is of an integer parameter.
    """

    def widen(x):
        if getattr(x, "dtype", None) == jax.dtypes.float0:
            raise ValueError(
                "a gradient has the type float0, that of an integer parameter, which "
                "no rule moves; expected gradients of floating-point parameters alone: "
                "put the rule into optax.masked, or keep integers out of params"
            )
        x = jnp.asarray(x)
        return x.astype(jnp.promote_types(x.dtype, jnp.float32))

    return jax.tree.map(widen, tree)


def keep_dtypes(
    transformation: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Return a transformation that keeps the dtypes of gradients and of its state.

    Both hold whatever the precision of the hyper-parameters, which may be strongly
    typed arrays, so that a rule compiles once. The transformation sees gradients, and
    `init` parameters, of at least float32. Unknown extra arguments are accepted.
    """
    inner = optax.with_extra_args_support(transformation)

    def init_fn(params: optax.Params) -> optax.OptState:
        arguments.require_arrays(params=params)
        return inner.init(at_least_float32(params))

    def update_fn(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        new_updates, new_state = inner.update(
            at_least_float32(updates), state, params, **extra_args
        )
        return _cast_like(new_updates, updates), _cast_like(new_state, state)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _cast_like(tree, like):
    def cast(x, y):
        dtype = jnp.asarray(y).dtype
        return x if x.dtype == dtype else x.astype(dtype)

    return jax.tree.map(cast, tree, like)
