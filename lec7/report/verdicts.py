"""Verdicts: whether the values of a few seeds bear a statement out.

A statement says which range an effect lies in, and the runs give one value of the
effect a seed. With I the two-sided 95 % Student-t interval of the mean, it is

  supported      where I lies inside the claimed range,
  contradicted   where it lies outside,
  inconclusive   where it straddles an end, or cannot be had: one seed, a value that is
                 not finite, values that do not vary.

The effect is a mean (`mean_claim`), a mean difference of pairs (`paired_claim`), or,
for what spans decades, a geometric mean of ratios of pairs (`ratio_claim`).
"""

import math
from typing import NotRequired, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import claims, intervals


class Labels(TypedDict):
    """The fields of a claim that are words."""

    id: str
    statement: str
    source: str
    unit: str
    figure: NotRequired[str | None]


def mean_claim(
    values: ArrayLike,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    **labels: Unpack[Labels],
) -> claims.Claim:
    """Decide whether a mean lies in a range.

    Args:
      values: [n], one value a seed.
      above: lower end of the claimed range.
      below: upper end of the claimed range.
      **labels: the words of the claim: id, statement, source, unit, figure.

    Returns:
      The claim, whose effect is the mean.

    Example:
      >>> gain = mean_claim(
      ...     [2.1, 1.9, 2.2],
      ...     above=1,
      ...     id="L45",
      ...     statement="Ten models together gain more than one point over one.",
      ...     source="lecture, 0:51:33",
      ...     unit="points of test accuracy",
      ... )
      >>> gain.verdict, gain.seeds
      ('supported', 3)
    """
    values = np.asarray(values, dtype=np.float64)
    interval = intervals.mean_interval(values)
    return claims.Claim(
        verdict=verdict(interval, above=above, below=below),
        effect=_mean(values),
        interval=interval,
        seeds=values.size,
        **labels,
    )


def paired_claim(
    a: ArrayLike,
    b: ArrayLike,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    **labels: Unpack[Labels],
) -> claims.Claim:
    """Decide whether the mean of the paired differences a - b lies in a range.

    `above=0` claims that a exceeds b, `below=0` that b exceeds a, and both ends
    together that the two agree to within a margin.

    Args:
      a: [n], one value a seed.
      b: [n], of the same seeds in the same order.
      above: lower end of the claimed range.
      below: upper end of the claimed range.
      **labels: the words of the claim: id, statement, source, unit, figure.

    Returns:
      The claim, whose effect is the mean difference.

    Raises:
      ValueError: if a and b are not two rows of one length.

    Example:
      >>> worse = paired_claim(
      ...     [0.51, 0.47, 0.55],
      ...     [0.31, 0.33, 0.30],
      ...     above=0,
      ...     id="L20",
      ...     statement="The sharper minimum has the higher test loss.",
      ...     source="lecture, 0:32:05",
      ...     unit="nats, sharp - flat",
      ... )
      >>> worse.verdict, round(worse.effect, 3)
      ('supported', 0.197)
    """
    a, b = _pairs(a, b)
    with np.errstate(invalid="ignore"):
        differences = a - b
    return mean_claim(differences, above=above, below=below, **labels)


def ratio_claim(
    a: ArrayLike,
    b: ArrayLike,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    **labels: Unpack[Labels],
) -> claims.Claim:
    """Decide whether the geometric mean of the paired ratios a / b lies in a range.

    The test is that of `paired_claim` on log a - log b; effect and interval are given
    as ratios. `above=1` claims that a exceeds b.

    Args:
      a: [n], positive, one value a seed.
      b: [n], positive, of the same seeds in the same order.
      above: lower end of the claimed range of the ratio.
      below: upper end of the claimed range of the ratio.
      **labels: the words of the claim: id, statement, source, unit, figure.

    Returns:
      The claim, whose effect is the geometric mean of the ratios; it has none, and is
      inconclusive, where a value is not positive.

    Raises:
      ValueError: if a and b are not two rows of one length.

    Example:
      >>> sharper = ratio_claim(
      ...     [205.0, 140.0, 260.0],
      ...     [1.2, 0.5, 2.0],
      ...     above=1,
      ...     id="keskar",
      ...     statement="Large batches find sharper minima.",
      ...     source="Keskar et al. 2017, table 3",
      ...     unit="large / small batch",
      ... )
      >>> sharper.verdict, round(sharper.effect)
      ('supported', 184)
    """
    a, b = _pairs(a, b)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = np.where((a > 0) & (b > 0), a / b, np.nan)
        mean = _mean(np.log(ratios))
    interval = intervals.geometric_interval(ratios)
    return claims.Claim(
        verdict=verdict(interval, above=above, below=below),
        effect=None if mean is None else math.exp(mean),
        interval=interval,
        seeds=ratios.size,
        **labels,
    )


def verdict(
    interval: tuple[float, float] | None,
    *,
    above: float = -math.inf,
    below: float = math.inf,
) -> str:
    """Compare where an effect lies with where it is claimed to lie.

    Args:
      interval: (low, high) of the effect, or None where it is unknown.
      above: lower end of the claimed range.
      below: upper end of the claimed range.

    Returns:
      One of `claims.VERDICTS`.

    Raises:
      ValueError: if the range is empty, or holds every number and so claims nothing.

    Example:
      >>> verdict((0.1, 0.4), above=0), verdict((-0.1, 0.4), above=0)
      ('supported', 'inconclusive')
      >>> verdict((-0.1, 0.4), above=1), verdict(None, above=0)
      ('contradicted', 'inconclusive')
    """
    if above >= below or math.isinf(above) and math.isinf(below):
        raise ValueError(
            f"the claimed range is ({above}, {below}); expected above < below, "
            "and at least one of the two"
        )
    if interval is None:
        return "inconclusive"
    low, high = interval
    past_above = above == -math.inf or above < low
    past_below = below == math.inf or high < below
    if past_above and past_below:
        return "supported"
    if high < above or below < low:
        return "contradicted"
    return "inconclusive"


def _mean(values: np.ndarray) -> float | None:
    """Return the mean, or None unless every value is known."""
    known = values.size and np.all(np.isfinite(values))
    return float(values.mean()) if known else None


def _pairs(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = (np.asarray(row, dtype=np.float64) for row in (a, b))
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(
            f"the pairs have shapes {a.shape} and {b.shape}; "
            "expected two rows with one value a seed"
        )
    return a, b
