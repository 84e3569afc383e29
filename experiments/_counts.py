"""Claims about what is counted: shares of independent trials, and exact numbers."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from lec7 import report
from lec7.report import verdicts


def share_interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a probability.

    Args:
      hits: of independent trials that had the outcome.
      trials: at least 1.

    Returns:
      (low, high), from 0 where no trial was a hit and to 1 where all were.

    Example:
      >>> low, high = share_interval(0, 100)
      >>> low, round(high, 3)
      (0.0, 0.036)

    References:
      Clopper and Pearson 1934, The use of confidence or fiducial limits, Biometrika 26.
    """
    from scipy.special import betaincinv

    tail = 0.025
    low = betaincinv(hits, trials - hits + 1, tail) if hits else 0.0
    high = betaincinv(hits + 1, trials - hits, 1 - tail) if hits < trials else 1.0
    return float(low), float(high)


def share_claim(
    hits: ArrayLike,
    *,
    above: float = -np.inf,
    below: float = np.inf,
    **labels: Unpack[verdicts.Labels],
) -> report.Claim:
    """Decide whether the probability of an outcome lies in a range.

    Args:
      hits: whether each of n independent trials had the outcome, [n] booleans.
      above: lower end of the claimed range.
      below: upper end of the claimed range.
      **labels: the words of the claim: id, statement, source, unit, figure.

    Returns:
      The claim, whose effect is the share of the trials.
    """
    hits = np.asarray(hits, bool)
    interval = share_interval(int(hits.sum()), hits.size)
    return report.Claim(
        verdict=verdicts.verdict(interval, above=above, below=below),
        effect=float(hits.mean()),
        interval=interval,
        seeds=hits.size,
        **labels,
    )


def exact_claim(
    value: float,
    *,
    above: float = -np.inf,
    below: float = np.inf,
    **labels: Unpack[verdicts.Labels],
) -> report.Claim:
    """Decide whether a number that nothing random enters lies in a range.

    Args:
      value: the number.
      above: lower end of the claimed range.
      below: upper end of the claimed range.
      **labels: the words of the claim: id, statement, source, unit, figure.

    Returns:
      The claim, whose interval is the number alone.
    """
    interval = (float(value), float(value))
    return report.Claim(
        verdict=verdicts.verdict(interval, above=above, below=below),
        effect=float(value),
        interval=interval,
        seeds=1,
        **labels,
    )


def shares(hits: Sequence[ArrayLike]) -> np.ndarray:
    """Return shares between the ends of their intervals, as curves are drawn.

    Args:
      hits: for each of T places, whether each of its trials had the outcome.

    Returns:
      Low end, share and high end [3, T].
    """
    rows = [np.asarray(row, bool) for row in hits]
    ends = [share_interval(int(row.sum()), row.size) for row in rows]
    means = [row.mean() for row in rows]
    low, high = np.transpose(ends)
    return np.stack([low, means, high])
