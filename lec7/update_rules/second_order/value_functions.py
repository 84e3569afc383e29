"""The loss itself, for rules that look at more of it than one gradient."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax

from lec7.update_rules import precision


def bind(
    value_fn: Callable[..., jax.Array] | None,
    params: optax.Params | None,
    extra_args: Mapping[str, Any],
    **needed: Any,
) -> Callable[[optax.Params], jax.Array]:
    """Return a loss as a function of parameters of at least float32.

    It is evaluated at these parameters rounded to the dtypes of `params`, where the
    updated parameters will be, and its value and gradient are at least float32. Of the
    extra arguments it is passed those that it names.

    Raises:
      ValueError: something needed is None.
    """
    needed = {"params": params, "value_fn": value_fn, **needed}
    missing = [name for name, given in needed.items() if given is None]
    if missing:
        raise ValueError(
            f"a second-order rule needs {', '.join(missing)}: call update(updates, "
            "state, params, value=..., grad=..., value_fn=...), where value_fn maps "
            "parameters to the loss"
        )
    named = inspect.signature(value_fn).parameters
    known = {name: extra_args[name] for name in named if name in extra_args}

    def loss(wide):
        value = value_fn(optax.tree.cast_like(wide, params), **known)
        return precision.at_least_float32(value)

    return loss
