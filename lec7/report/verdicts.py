"""Verdicts: whether the values of a few seeds bear a statement out.

A statement says which range an effect lies in, and the runs give one value of the
effect a seed. With I the two-sided 95 % Student-t interval of the mean, it is

  supported      where I lies inside the claimed range,
  contradicted   where it lies outside,
  inconclusive   where it straddles an end, or cannot be had: one seed, a value that is
                 not finite, values that do not vary.
"""

import math


def verdict(
    interval: tuple[float, float] | None,
    *,
    above: float = -math.inf,
    below: float = math.inf,
) -> str:
    """Return the verdict on an effect that is claimed to lie in a range.

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
