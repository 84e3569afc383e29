"""The words in which an experiment states its claims.

Every form takes the id, the statement, the unit of the effect, and what was measured;
then, by keyword, the claimed range. `claims.family` decides those of a page together;
alone, a claim is a family of one.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from lec7.report import claims, evidence, intervals, verdicts

Pair = tuple[ArrayLike, ArrayLike]
FEWEST = 3  # seeds that a claim is tested with


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claims:
    """Claims of one source, about one figure.

    Attributes:
      source: time in the lecture, equation or table of a paper.
      figure: name of the figure that shows them.
      kind: empirical, unless they follow from mathematics or from a convention.
      untested: why they cannot be tested, such as networks that did not reach the loss
        at which they are compared; None if they can. It must not depend on the effect.

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
    untested: str | None = None

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
        """Return the claim that the mean of values lies in a range.

        They are [M], one a seed, or [M, N], one a seed and test example, which are then
        a sample too.
        """
        words = id, statement, unit
        return self._of_values(words, values, above, below, ratio=False)

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
        """Return the claim that the mean of a - b lies in a range, as `mean` does."""
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
        """Return the claim that the geometric mean of a / b lies in a range.

        Of a and b [M, N] the ratio of their means over the N examples counts.
        """
        a, b = _rows(id, pair)
        of_a, of_b = (x.mean(axis=tuple(range(1, x.ndim))) for x in (a, b))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            values = np.log(np.where((of_a > 0) & (of_b > 0), of_a / of_b, np.nan))
            if a.ndim > 1:  # to first order, what an example adds to the logarithm
                values = values[:, None] + a / of_a[:, None] - b / of_b[:, None]
        words = id, statement, unit
        return self._of_values(words, values, above, below, ratio=True)

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
        found = evidence.Share(int(hits.sum()), hits.size)
        why = None if hits.size >= FEWEST else _few(hits.size, "trials")
        words = id, statement, unit
        return self._claim(words, found, hits.size, above, below, why=why)

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
        """Return the claim, no empirical one, that a number lies in a range.

        Raises:
          ValueError: if the kind is empirical.
        """
        if self.kind == "empirical":
            raise ValueError(
                f"claim {id}: kind is 'empirical'; a number without chance is an "
                "identity or a definition"
            )
        words = id, statement, unit
        return self._claim(words, evidence.Number(float(value)), 1, above, below)

    def _of_values(self, words, values, above, below, *, ratio) -> claims.Claim:
        values = np.asarray(values, np.float64)
        count = len(values)
        by_seed = values.reshape(count, -1).mean(axis=1) if count else values
        known = np.isfinite(by_seed)
        found, why = None, None
        if not known.all():
            why = f"{count - known.sum()} of {count} seeds have no value"
        elif count >= 2 and values.ndim > 1:
            found = evidence.of_cells(values, log=ratio)
        elif count >= 2:
            found = evidence.of_seeds(values, log=ratio)
        if why is None and found is None and count:
            mean = float(by_seed.mean())
            found = evidence.Number(math.exp(mean) if ratio else mean)
        if why is None and self.kind == "empirical":
            if count < FEWEST:
                why = _few(count, "seeds")
            elif isinstance(found, evidence.Number):
                why = "the seeds do not differ"
        return self._claim(words, found, count, above, below, why=why, ratio=ratio)

    def _claim(
        self, words, found, seeds, above, below, *, why=None, ratio=False
    ) -> claims.Claim:
        """Return the claim, decided as the only one of its family."""
        id, statement, unit = words
        empirical = self.kind == "empirical"
        why = self.untested or why
        claim = claims.Claim(
            id=id,
            statement=statement,
            source=self.source,
            verdict="inconclusive",
            effect=None if found is None else found.effect,
            interval=_interval(found, empirical=empirical),
            unit=unit,
            seeds=seeds,
            figure=self.figure,
            above=above,
            below=below,
            kind=self.kind,
            ratio=ratio,
            chance=_chance(found),
            why=why,
            evidence=found,
        )
        verdict = verdicts.verdict(
            claim.interval, above=claim.ends[0], below=claim.ends[1]
        )
        if why is not None or found is None:
            return dataclasses.replace(claim, verdict="untested")
        if not empirical:
            return dataclasses.replace(claim, verdict=verdict)
        p = found.p(*claim.ends)
        (alone,) = claims.family([dataclasses.replace(claim, p=p)])
        return alone


def _interval(found, *, empirical):
    """Return the plain interval; of seeds that do not differ there is none."""
    if found is None or empirical and isinstance(found, evidence.Number):
        return None
    return found.interval(intervals.CONFIDENCE)


def _chance(found):
    """Return how wide the seeds and the examples make an interval, each alone."""
    if not isinstance(found, evidence.Mean) or len(found.sources) < 2:
        return None
    seeds, both = found.sources
    examples = evidence.Source(both.variance - seeds.variance, math.inf)
    return {
        name: evidence.Mean(0.0, (source,)).half(intervals.CONFIDENCE)
        for name, source in (("seeds", seeds), ("examples", examples))
    }


def _few(count, what):
    return f"fewer than three {what}: {count}"


def _rows(id: str, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    a, b = (np.asarray(row, np.float64) for row in pair)
    if a.ndim not in (1, 2) or a.shape != b.shape:
        raise ValueError(
            f"claim {id}: a has shape {a.shape} and b {b.shape}; expected two rows of "
            "one value a seed, or two tables of one a seed and example"
        )
    return a, b
