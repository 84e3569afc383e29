"""Everyone at the cheapest setting that reaches the same true error."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def cheapest(
    settings: Sequence[Any],
    estimate: Callable[[Any], Any],
    truth: Any,
    *,
    most: float,
    repeats: int = 1,
) -> tuple[Any, float]:
    """Return the first setting whose true error is small enough, and this error.

    The error is the largest over components of the root of the mean square, over
    repeats with other random starts, of the relative error.

    Args:
      settings: from the cheapest to the dearest.
      estimate: setting -> a number or several, anew at every call.
      truth: what is estimated.
      most: the error allowed.
      repeats: of each setting.

    Raises:
      ValueError: no setting reaches it.
    """
    truth, error = np.asarray(truth, np.float64), np.inf
    for setting in settings:
        found = [np.asarray(estimate(setting), np.float64) for _ in range(repeats)]
        squares = np.mean([((value - truth) / truth) ** 2 for value in found], axis=0)
        error = float(np.sqrt(squares.max()))
        if error <= most:
            return setting, error
    raise ValueError(
        f"the error is {error:.1e} at the setting {settings[-1]}; expected at most "
        f"{most:.1e} at one of {list(settings)}"
    )
