"""Arguments of a schedule, checked where it is built.

A traced value, as under `jax.vmap` over rates, has no number to check and passes.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

STEP_LIMIT = 2**31
"""Steps and lengths are below it: they are int32."""


def require_rates(**rates: jax.typing.ArrayLike) -> None:
    """Check rates of learning or of decay.

    Args:
      **rates: by name, what the user gave.

    Raises:
      ValueError: one is not a finite number >= 0.
    """
    for name, value in rates.items():
        if not _within(value, np.inf):
            raise ValueError(f"{name} must be a finite number >= 0; got {value!r}")


def require_fraction(name: str, value: jax.typing.ArrayLike) -> None:
    """Check a share of something.

    Args:
      name: for the message.
      value: what the user gave.

    Raises:
      ValueError: it is not a number in [0, 1].
    """
    if not _within(value, 1):
        raise ValueError(f"{name} must be a number in [0, 1]; got {value!r}")


def require_counts(**counts: Any) -> None:
    """Check numbers of updates or of examples.

    Args:
      **counts: by name, what the user gave.

    Raises:
      ValueError: one is not an integer >= 1.
    """
    for name, value in counts.items():
        integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not integer or not 1 <= value < STEP_LIMIT:
            raise ValueError(f"{name} must be an integer >= 1; got {value!r}")


def _within(value: Any, most: float) -> bool:
    if isinstance(value, jax.core.Tracer):
        return True
    array = np.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.number) or np.iscomplexobj(array):
        return False
    return bool(np.all(np.isfinite(array) & (array >= 0) & (array <= most)))
