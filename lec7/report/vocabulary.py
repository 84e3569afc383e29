"""The words in which an experiment states its claims.

Every form takes the id, the statement, the unit of the effect, and what was measured;
then, by keyword, the claimed range. `verdicts` says how it is decided.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import claims, intervals, verdicts

Pair = tuple[ArrayLike, ArrayLike]
Interval = tuple[float, float] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claims:
    """Claims of one source, about one figure.

    Attributes:
      source: time in the lecture, equation or table of a paper.
      figure: name of the figure that shows them.
      kind: empirical, unless they follow from mathematics or from a convention.

    Example:
      >>> say = Claims(source="lecture, 0:32:05", figure="gap")
      >>> pair = [0.51, 0.47, 0.55], [0.31, 0.33, 0.30]
      >>> sharp = "The sharper minimum has the higher test loss."
      >>> worse = say.paired("L20", sharp, "nats, sharp - flat", pair, above=0)
      >>> worse.verdict, round(worse.effect, 3)
      ('supported', 0.197)
    """

    source: str
    figure: str | None = None
    kind: str = "empirical"

    def mean(
        self,
        id: str,
        statement: str,
        unit: str,
        values: ArrayLike,
        *,
        above: float | None = None,
        below: float | None = None,
    ) -> claims.Claim:
        """Return the claim that the mean of values [M], one a seed, lies in a range."""
        values = np.asarray(values, np.float64)
        interval = intervals.mean_interval(values)
        effect = _mean(values)
        return self._decide(
            id, statement, unit, effect, interval, values.size, above, below
        )

    def paired(
        self,
        id: str,
        statement: str,
        unit: str,
        pair: Pair,
        *,
        above: float | None = None,
        below: float | None = None,
    ) -> claims.Claim:
        """Return the claim that the mean of a - b over pairs [M] lies in a range."""
        a, b = _rows(id, pair)
        with np.errstate(invalid="ignore"):
            values = a - b
        return self.mean(id, statement, unit, values, above=above, below=below)

    def ratio(
        self,
        id: str,
        statement: str,
        unit: str,
        pair: Pair,
        *,
        above: float | None = None,
        below: float | None = None,
    ) -> claims.Claim:
        """Return the claim that the geometric mean of a / b lies in a range."""
        a, b = _rows(id, pair)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratios = np.where((a > 0) & (b > 0), a / b, np.nan)
            effect = _mean(np.log(ratios))
        effect = None if effect is None else math.exp(effect)
        interval = intervals.geometric_interval(ratios)
        return self._decide(
            id, statement, unit, effect, interval, ratios.size, above, below
        )

    def share(
        self,
        id: str,
        statement: str,
        unit: str,
        hits: ArrayLike,
        *,
        above: float | None = None,
        below: float | None = None,
    ) -> claims.Claim:
        """Return the claim that the share of hits among trials [n] lies in a range."""
        hits = np.asarray(hits, bool)
        interval = intervals.share_interval(int(hits.sum()), hits.size)
        effect = float(hits.mean())
        return self._decide(
            id, statement, unit, effect, interval, hits.size, above, below
        )

    def exact(
        self,
        id: str,
        statement: str,
        unit: str,
        value: float,
        *,
        above: float | None = None,
        below: float | None = None,
    ) -> claims.Claim:
        """Return the claim that a number without randomness lies in a range."""
        value = float(value)
        return self._decide(id, statement, unit, value, (value, value), 1, above, below)

    def _decide(
        self,
        id: str,
        statement: str,
        unit: str,
        effect: float | None,
        interval: Interval,
        seeds: int,
        above: float | None,
        below: float | None,
    ) -> claims.Claim:
        ends = {
            "above": -math.inf if above is None else above,
            "below": math.inf if below is None else below,
        }
        return claims.Claim(
            id=id,
            statement=statement,
            source=self.source,
            verdict=verdicts.verdict(interval, **ends),
            effect=effect,
            interval=interval,
            unit=unit,
            seeds=seeds,
            figure=self.figure,
            above=above,
            below=below,
            kind=self.kind,
        )


def effects(decided: Sequence[claims.Claim]) -> dict[str, str]:
    """Return id -> effect as a sentence has it."""
    from lec7.report import formats

    return {claim.id: formats.format_number(claim.effect) for claim in decided}


def _mean(values: np.ndarray) -> float | None:
    """Return the mean, or None unless every value is known."""
    known = values.size and np.all(np.isfinite(values))
    return float(values.mean()) if known else None


def _rows(id: str, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    a, b = (np.asarray(row, np.float64) for row in pair)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(
            f"claim {id}: a has shape {a.shape} and b {b.shape}; expected two rows of "
            "one value a seed"
        )
    return a, b
