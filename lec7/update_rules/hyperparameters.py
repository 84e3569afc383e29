"""Hyper-parameters: checked where a rule is built, ready for arithmetic afterwards.

A traced value, as under `jax.vmap` over hyper-parameters, has no number to check and
passes. An array, as from `optax.inject_hyperparams`, becomes real and at least float32;
a Python number stays as it is and takes the precision of the gradient.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7.update_rules import precision


def fraction(name: str, value: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
    """Return `value`, a number in [0, 1): the decay of an exponential average.

    Args:
      name: the hyper-parameter's name, for the message.
      value: what the user gave.

    Returns:
      The value.
    """
    return _checked(name, value, below=1.0, expected="a number in [0, 1)")


def non_negative(name: str, value: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
    """Return `value`, a finite number of at least 0.

    Args:
      name: the hyper-parameter's name, for the message.
      value: what the user gave.

    Returns:
      The value.
    """
    return _checked(name, value, below=math.inf, expected="a finite number >= 0")


def count(name: str, value: int, *, least: int) -> None:
    """Check a number of updates, which is static.

    Args:
      name: the hyper-parameter's name, for the message.
      value: what the user gave.
      least: the smallest that is allowed.

    Raises:
      ValueError: it is not an integer, or below `least`.
    """
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integer or value < least:
        raise ValueError(f"{name} must be an integer >= {least}; got {value!r}")


def scale_by_learning_rate(
    learning_rate: optax.ScalarOrSchedule,
) -> optax.GradientTransformation:
    """Scale by minus the learning rate, which is checked unless it is a schedule.

    Args:
      learning_rate: a finite number >= 0, or a schedule, step -> rate.

    Returns:
      The transformation g -> -a g.
    """
    if not callable(learning_rate):
        learning_rate = non_negative("learning_rate", learning_rate)
    return optax.scale_by_learning_rate(learning_rate)


def _checked(name, value, *, below, expected):
    if isinstance(value, jax.core.Tracer):
        return _ready(value)
    array = np.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.number) or not np.all(
        (array.real >= 0) & (array.real < below) & (array.imag == 0)
    ):
        raise ValueError(f"{name} must be {expected}; got {value!r}")
    return value if isinstance(value, int | float) else _ready(value)


def _ready(value):
    return precision.at_least_float32(jnp.real(value))
