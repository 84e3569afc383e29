"""What a claim is decided by: an effect, and how much chance there is in it.

With d the distance of the effect from the nearest end of the claimed range, positive
inside of it, the sign of d is the verdict that may be reached, and

  p = 2 P(T_nu >= |d| / se)

the probability of so large a distance by chance if the true effect were at that end:
the factor 2 pays for verdicts of both kinds. p is one minus the largest confidence at
which the interval of the effect does not cross an end of the range.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike

from lec7.report import intervals

POWER = 0.8  # with which a detectable distance is found


class Evidence(Protocol):
    """An effect whose chance is known."""

    effect: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return where the effect lies at a level of confidence, in (0, 1)."""

    def p(self, above: float, below: float) -> float:
        """Return the p-value of a range; an open end is infinite."""

    def detectable(self, alpha: float, above: float, below: float) -> float | None:
        """Return the distance inside the range that p < alpha shows with 80 % power."""


class Source(NamedTuple):
    """A variance of the mean, and the degrees of freedom that it is known with."""

    variance: float
    freedom: float

    def error(self) -> float:
        """Return the standard error."""
        return math.sqrt(self.variance)


class Mean(NamedTuple):
    """A mean whose chance is that of seeds, or of seeds and examples together.

    The larger of what the sources give counts, so that a second one can only make a
    claim less decided. With `log` the values are logarithms, and what is told of them
    are ratios.
    """

    centre: float
    sources: tuple[Source, ...]
    log: bool = False

    @property
    def effect(self) -> float:
        """The mean, or the ratio."""
        return self._told(self.centre)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided interval of Student."""
        half = self.half(level)
        return self._told(self.centre - half), self._told(self.centre + half)

    def half(self, level: float) -> float:
        """Return half of its width, of logarithms for a ratio."""
        tail = (1 + level) / 2
        return max(
            scipy.special.stdtrit(s.freedom, tail) * s.error() for s in self.sources
        )

    def p(self, above: float, below: float) -> float:
        """Return the p-value, by Student's distribution."""
        distance = abs(_distance(self.centre, *self._ends(above, below)))
        if distance == 0:
            return 1.0
        errors = [(s.freedom, s.error()) for s in self.sources if s.variance > 0]
        tails = [scipy.special.stdtr(nu, -distance / error) for nu, error in errors]
        return float(min(1.0, 2 * max(tails)))

    def detectable(self, alpha: float, above: float, below: float) -> float | None:
        """Return the distance, a factor for a ratio; None if the range is too narrow.

        Of a range with two ends either may be missed, by half of what is left.
        """
        low, high = self._ends(above, below)
        narrow = math.isfinite(low) and math.isfinite(high)
        missed = (1 - POWER) / 2 if narrow else 1 - POWER

        def distance(source):
            tail = scipy.special.stdtrit(source.freedom, 1 - alpha / 2)
            shift = scipy.special.nctdtrinc(source.freedom, missed, tail)
            return float(shift) * source.error()

        largest = max(map(distance, self.sources))
        if narrow and largest > (high - low) / 2:
            return None
        return self._told(largest)

    def _told(self, value: float) -> float:
        return math.exp(min(value, 700.0)) if self.log else value

    def _ends(self, above: float, below: float) -> tuple[float, float]:
        return (_log(above), _log(below)) if self.log else (above, below)


class Share(NamedTuple):
    """A share of hits among independent trials."""

    hits: int
    trials: int

    @property
    def effect(self) -> float:
        """The share."""
        return self.hits / self.trials if self.trials else math.nan

    def interval(self, level: float) -> tuple[float, float]:
        """Return the exact interval of Clopper and Pearson 1934."""
        return intervals.share_interval(self.hits, self.trials, confidence=level)

    def p(self, above: float, below: float) -> float:
        """Return the p-value, by the binomial distribution."""

        def as_many(share):  # P(X >= hits | share)
            few = self.hits - 1
            return (
                float(scipy.special.bdtrc(few, self.trials, share)) if few >= 0 else 1.0
            )

        def as_few(share):
            return float(scipy.special.bdtr(self.hits, self.trials, share))

        low, high = above > -math.inf, below < math.inf
        inside = max([as_many(above)] * low + [as_few(below)] * high)
        outside = min([as_few(above)] * low + [as_many(below)] * high)
        return min(1.0, 2 * min(inside, outside))

    def detectable(self, alpha: float, above: float, below: float) -> float | None:
        """Return the distance; None if no number of hits is enough."""
        n = self.trials
        enough = [
            hits
            for hits in range(n + 1)
            if _distance(hits / n, above, below) > 0
            and Share(hits, n).p(above, below) <= alpha
        ]
        if not enough:
            return None
        fewest, most = enough[0], enough[-1]
        low = scipy.special.betaincinv(fewest, n - fewest + 1, POWER) - above
        high = below - scipy.special.betaincinv(most + 1, n - most, 1 - POWER)
        return float(max(end for end in (low, high) if math.isfinite(end)))


class Number(NamedTuple):
    """A number without chance."""

    effect: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return the number twice."""
        del level
        return self.effect, self.effect

    def p(self, above: float, below: float) -> float:
        """Return 0, or 1 at an end of the range."""
        return float(_distance(self.effect, above, below) == 0)

    def detectable(self, alpha: float, above: float, below: float) -> float | None:
        """Return no distance: nothing is left open."""
        del alpha, above, below


def of_seeds(values: ArrayLike, *, log: bool = False) -> Mean | None:
    """Return what values [M], one a seed, say of their mean; None without spread.

    With `log` they are logarithms of ratios.
    """
    values = np.asarray(values, np.float64)
    if intervals.is_constant(values):
        return None
    spread = Source(float(values.var(ddof=1)) / values.size, values.size - 1)
    return Mean(float(values.mean()), (spread,), log)


def of_cells(cells: ArrayLike, *, log: bool = False) -> Mean | None:
    """Return what cells [M, N], of M seeds on N examples, say of their mean.

    Both the seeds and the examples are samples. With g the mean, r_s and c_i those of a
    row and a column,

      A = N sum_s (r_s - g)^2 / (M - 1),    B = M sum_i (c_i - g)^2 / (N - 1),
      E = sum_si (D_si - r_s - c_i + g)^2 / ((M - 1) (N - 1)),

    the seeds give the variance A / MN, the examples max(0, B - E) / MN more. Their sum
    has the degrees of freedom of Satterthwaite, those of the examples lessened by the
    excess kurtosis of their means.

    References:
      Satterthwaite 1946, An approximate distribution of estimates of variance
      components, Biometrics Bulletin 2.
      Searle, Casella and McCulloch 1992, Variance components.
    """
    cells = np.asarray(cells, np.float64)
    seeds, examples = cells.shape
    centre = cells.mean()
    rows, columns = cells.mean(axis=1) - centre, cells.mean(axis=0) - centre
    rest = cells - centre - rows[:, None] - columns
    of_rows = examples * (rows**2).sum() / (seeds - 1)
    of_columns = seeds * (columns**2).sum() / (examples - 1)
    error = (rest**2).sum() / ((seeds - 1) * (examples - 1))
    first = of_rows / cells.size
    second = max(0.0, of_columns - error) / cells.size
    if intervals.is_constant(cells.mean(axis=1)):
        first = 0.0
    if first + second == 0:
        return None
    square = (columns**2).mean()
    excess = max(0.0, (columns**4).mean() / square**2 - 3) if square else 0.0
    freedom = 2 / (2 / (examples - 1) + excess / examples)
    both = (first + second) ** 2 / (first**2 / (seeds - 1) + second**2 / freedom)
    sources = Source(first, seeds - 1), Source(first + second, float(both))
    return Mean(float(centre), sources, log)


def _log(end: float) -> float:
    return math.log(end) if end > 0 else -math.inf


def _distance(effect: float, above: float, below: float) -> float:
    """Return how far an effect is inside a range; negative outside."""
    return min(effect - above, below - effect)
