"""Student-t intervals for a mean over seeds.

Runs with different seeds are independent draws of one experiment, so the mean of n of
them has the two-sided interval

  mean +- t s / sqrt(n),    s^2 = sum (x - mean)^2 / (n - 1),

where t is the quantile of Student's distribution with n - 1 degrees of freedom that
leaves (1 - confidence) / 2 above it.
"""

import math
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike

CONFIDENCE = 0.95


def mean_interval(
    values: ArrayLike, *, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Student-t interval of the mean of independent values.

    Args:
      values: [n], one value a seed.
      confidence: probability that the interval covers the true mean; in (0, 1).

    Returns:
      The two ends; None where no interval can be had: fewer than two values, a value
      that is not finite, or no spread beyond rounding.

    Raises:
      ValueError: if values is not one row of numbers, or confidence is not in (0, 1).

    Example:
      >>> low, high = mean_interval([1.0, 2.0, 3.0])
      >>> round(low, 3), round(high, 3)
      (-0.484, 4.484)
      >>> mean_interval([1.0])

    References:
      Student 1908, The probable error of a mean, Biometrika 6.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"values has shape {values.shape}; expected one value a seed")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected one between 0 and 1")
    if values.size < 2 or not np.all(np.isfinite(values)) or is_constant(values):
        return None
    quantile = scipy.special.stdtrit(values.size - 1, (1 + confidence) / 2)
    centre = values.mean()
    half = float(quantile) * values.std(ddof=1) / math.sqrt(values.size)
    return float(centre - half), float(centre + half)


def geometric_interval(
    values: ArrayLike, *, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Student-t interval of the geometric mean of independent positive values.

    Args:
      values: [n], one value a seed.
      confidence: as for `mean_interval`.

    Returns:
      The two ends, both positive; None where the logarithms have no interval, so also
      where a value is not positive.

    Raises:
      ValueError: as for `mean_interval`.

    Example:
      >>> low, high = geometric_interval([50.0, 100.0, 200.0])
      >>> round(low, 1), round(high, 1)
      (17.9, 559.5)
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        interval = mean_interval(np.log(values), confidence=confidence)
        return None if interval is None else tuple(np.exp(interval).tolist())


def share_interval(
    hits: int, trials: int, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the exact interval of a probability: from 0 if no hits, to 1 if all.

    Example:
      >>> low, high = share_interval(0, 100)
      >>> low, round(high, 3)
      (0.0, 0.036)

    References:
      Clopper and Pearson 1934, The use of confidence or fiducial limits, Biometrika 26.
    """
    tail = (1 - confidence) / 2
    low = scipy.special.betaincinv(hits, trials - hits + 1, tail) if hits else 0.0
    high = (
        scipy.special.betaincinv(hits + 1, trials - hits, 1 - tail)
        if hits < trials
        else 1.0
    )
    return float(low), float(high)


def shares(hits: Sequence[ArrayLike]) -> np.ndarray:
    """Shares of hits between the ends of their intervals, as curves are drawn.

    Args:
      hits: for each of T places, whether each of its trials had the outcome.

    Returns:
      Low end, share and high end [3, T].

    Example:
      >>> shares([[False] * 100, [True, True]]).round(3)
      array([[0.   , 0.158],
             [0.   , 1.   ],
             [0.036, 1.   ]])
    """
    rows = [np.asarray(row, bool) for row in hits]
    ends = [share_interval(int(row.sum()), row.size) for row in rows]
    low, high = np.transpose(ends)
    return np.stack([low, [row.mean() for row in rows], high])


def is_constant(values: np.ndarray) -> bool:
    """Return whether values differ by no more than rounding."""
    rounding = 4 * np.finfo(np.float64).eps * np.abs(values).max()
    return bool(np.ptp(values) <= rounding)
