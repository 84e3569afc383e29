"""How likely chance alone is to make any of many differences."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that hold for all of several tests at once.

    With p_(1) <= ... <= p_(n), the adjusted p_(i) is max_{j <= i} (n - j + 1) p_(j),
    at most 1: the chance that any test with a true null hypothesis comes below 0.05 is
    then at most 0.05, however the tests depend on each other.

    Args:
      p_values: of n tests.

    Returns:
      n adjusted values, in the same order.

    Example:
      >>> holm([0.04, 0.01, 0.5])
      [0.08, 0.03, 0.5]

    References:
      Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian
      Journal of Statistics 6.
    """
    values = np.asarray(p_values)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1)
    return adjusted.tolist()


def holm_levels(p_values: Sequence[float], *, alpha: float = 0.05) -> list[float]:
    """Return the confidence of the intervals by which Holm's correction decides.

    The claim of rank i among n, if it is decided, has an interval at the level
    1 - alpha / (n - i + 1), and each of the u that are left open one at 1 - alpha / u.

    Args:
      p_values: of n tests.
      alpha: probability of any false verdict.

    Returns:
      n levels, in the same order.

    Example:
      >>> [round(level, 4) for level in holm_levels([0.04, 0.01, 0.5, 0.011])]
      [0.975, 0.9875, 0.975, 0.9833]
    """
    left = sum(p > alpha for p in holm(p_values))
    rank = np.argsort(np.argsort(p_values, kind="stable"), kind="stable")
    return [1 - alpha / max(len(p_values) - i, left) for i in rank.tolist()]
