"""Hyper-parameters: checked where a rule is built, ready for arithmetic afterwards.

A traced value, as under `jax.vmap` over hyper-parameters, has no number to check and
passes. An array, as from `optax.inject_hyperparams`, becomes real and at least float32;
a Python number stays as it is and takes the precision of the gradient.
"""

import jax
import jax.numpy as jnp
import optax

from lec7 import arguments
from lec7.update_rules import precision


def fraction(name: str, value: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
    """Return `value`, a number in [0, 1): the decay of an exponential average."""
    arguments.require_decays(**{name: value})
    return _ready(value)


def non_negative(name: str, value: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
    """Return `value`, a finite number of at least 0."""
    arguments.require_non_negative(**{name: value})
    return _ready(value)


def scale_by_learning_rate(
    learning_rate: optax.ScalarOrSchedule,
) -> optax.GradientTransformation:
    """Return g -> -a g; the rate a is checked unless it is a schedule."""
    if not callable(learning_rate):
        negative = isinstance(learning_rate, int | float) and learning_rate < 0
        arguments.require(
            not negative,
            "learning_rate",
            learning_rate,
            "a finite number >= 0; to maximise, put optax.scale(-1.0) before the rule "
            "in optax.chain",
        )
        learning_rate = non_negative("learning_rate", learning_rate)
    return optax.scale_by_learning_rate(learning_rate)


def _ready(value: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
    if isinstance(value, int | float):
        return value
    return precision.at_least_float32(jnp.real(value))
