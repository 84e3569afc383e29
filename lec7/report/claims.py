"""Claims: statements that a run decides, and the file that holds them.

The empirical claims of a page are one family. With p_(1) <= ... <= p_(m) their
p-values, Holm's correction decides those whose max_{j <= i} (m - j + 1) p_(j) is at
most 0.05, so that none of its verdicts is false, with a probability of 95 %. That is
the same as to compare the range of each with its interval at the level
1 - 0.05 / (m - i + 1), or, from the first on that is left open, 1 - 0.05 / (number of
those left open).
"""

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lec7 import files
from lec7.report import significance, verdicts
from lec7.report.evidence import Evidence

VERDICTS = ("supported", "contradicted", "inconclusive", "untested")
KINDS = ("empirical", "identity", "definition")
INTERVALS = ("interval", "corrected_interval")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement with its verdict and the numbers that gave it.

    Attributes:
      id: short name, unique in a run; a claim of the lecture keeps its number, "L20".
      statement: the sentence put to the test.
      source: where it comes from: time in the lecture, equation or table of a paper.
      verdict: one of `VERDICTS`; of an empirical claim that of its family.
      effect: the number that decides; None when there is none.
      interval: where the effect lies, at 95 % confidence; None if unknown.
      unit: of the effect and its interval.
      seeds: number of independent runs behind it, or of trials.
      figure: name of the figure that shows it.
      above: lower end of the range that the effect is claimed to lie in, or None.
      below: upper end of it, or None.
      kind: `empirical`, if it could have come out otherwise; `identity`, if it follows
        from mathematics; `definition`, if from a count or a convention.
      ratio: whether the effect is a ratio, so that it is told on a logarithmic scale.
      p: probability of so large a distance from the range's nearest end by chance; None
        where it was not decided so.
      corrected_p: for the whole family.
      corrected_interval: at the level of the verdict, which compares it with the range.
      detectable: of an inconclusive claim, the distance inside the range, or the factor
        of a ratio, that as many runs show with a probability of 80 %.
      chance: of an effect on test examples, name of a source of chance -> half of the
        width of an interval for it alone.
      why: it was not tested, or cannot be decided, or None.
      evidence: what decides it; not written.
    """

    id: str
    statement: str
    source: str
    verdict: str
    effect: float | None
    interval: tuple[float, float] | None
    unit: str
    seeds: int
    figure: str | None = None
    above: float | None = None
    below: float | None = None
    kind: str = "empirical"
    ratio: bool = False
    p: float | None = None
    corrected_p: float | None = None
    corrected_interval: tuple[float, float] | None = None
    detectable: float | None = None
    chance: Mapping[str, float] | None = None
    why: str | None = None
    evidence: Evidence | None = dataclasses.field(
        default=None, repr=False, compare=False
    )

    def __post_init__(self):
        """Refuse what no reader could make sense of.

        Raises:
          ValueError: if the id is empty, the verdict unknown, the number of seeds
            negative, or the interval out of order.
        """
        if not self.id:
            raise ValueError("a claim's id is empty; give it a short unique name")
        if self.verdict not in VERDICTS:
            raise ValueError(
                f"claim {self.id}: verdict is {self.verdict!r}; "
                f"expected one of {', '.join(VERDICTS)}"
            )
        if self.kind not in KINDS:
            raise ValueError(
                f"claim {self.id}: kind is {self.kind!r}; expected one of "
                f"{', '.join(KINDS)}"
            )
        if self.seeds < 0:
            raise ValueError(f"claim {self.id}: seeds is {self.seeds}; expected >= 0")
        if self.interval is not None and not self.interval[0] <= self.interval[1]:
            raise ValueError(
                f"claim {self.id}: interval is {self.interval}; expected (low, high)"
            )

    @property
    def ends(self) -> tuple[float, float]:
        """The claimed range; an open end is infinite."""
        above = -math.inf if self.above is None else self.above
        return above, math.inf if self.below is None else self.below


def family(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims of a page, the empirical ones decided together.

    Args:
      claims: in the order to be read in.

    Raises:
      ValueError: if two claims have one id.
    """
    for id, count in Counter(claim.id for claim in claims).items():
        if count > 1:
            raise ValueError(f"{count} claims have the id {id!r}; make every id unique")
    tested = [c for c in claims if c.p is not None and c.evidence is not None]
    corrected = significance.holm([claim.p for claim in tested])
    levels = significance.holm_levels([claim.p for claim in tested])
    together = {
        claim.id: _decided(claim, *of)
        for claim, *of in zip(tested, corrected, levels, strict=True)
    }
    return [together.get(claim.id, claim) for claim in claims]


def untested(claims: Sequence[Claim], why: str | None) -> list[Claim]:
    """Return claims of which no empirical one can be tested, for a reason they share.

    Args:
      claims: in the order to be read in.
      why: such as networks that did not reach the loss at which they are compared;
        None if they can be tested, and then they are as they were.
    """
    if why is None:
        return list(claims)
    open_ = {"verdict": "untested", "why": why, "p": None, "corrected_p": None}
    left = open_ | {"corrected_interval": None, "detectable": None}
    return [
        dataclasses.replace(claim, **left) if claim.kind == "empirical" else claim
        for claim in claims
    ]


def _decided(claim: Claim, p: float, level: float) -> Claim:
    """Return the claim as its family decides it."""
    above, below = claim.ends
    interval = claim.evidence.interval(level)
    verdict = verdicts.verdict(interval, above=above, below=below)
    claim = dataclasses.replace(
        claim, verdict=verdict, corrected_p=p, corrected_interval=interval
    )
    if verdict != "inconclusive":
        return dataclasses.replace(claim, detectable=None, why=None)
    detectable = claim.evidence.detectable(1 - level, above, below)
    narrow = "the range is too narrow, or the runs are too few, to support it"
    why = narrow if detectable is None else None
    return dataclasses.replace(claim, detectable=detectable, why=why)


def write_claims(path: Path, claims: Sequence[Claim]) -> None:
    """Write claims as strict JSON: what is not a finite number becomes null.

    Args:
      path: the file, usually `claims.json` in a run's folder.
      claims: in the order to be read in; equal claims give equal bytes.

    Raises:
      ValueError: if two claims have one id.
    """
    rows = [_row(claim) for claim in family(claims)]
    text = json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)
    files.write(path, f"{text}\n".encode())


def read_claims(path: Path) -> list[Claim]:
    """Read what `write_claims` wrote.

    Args:
      path: the file.

    Returns:
      The claims, in the file's order.

    Raises:
      ValueError: if the file is not a list of claims; the message names the file.
    """
    try:
        return [_claim(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not a list of claims: {error}") from error


def differences(told: Sequence[Claim], decided: Sequence[Claim]) -> list[str]:
    """Return how claims differ from those that a run has written.

    Args:
      told: as read.
      decided: again; numbers may differ by a billionth.

    Returns:
      A line for each field of a claim that differs.
    """
    first, again = ({c.id: _row(c) for c in claims} for claims in (told, decided))
    lines = [
        f"  {id} is {'not decided' if id in first else 'not written'}"
        for id in dict.fromkeys([*first, *again])
        if (id in first) != (id in again)
    ]
    return lines + [
        f"  {id}: {field} was {value!r}; it is {again[id][field]!r}"
        for id, row in first.items()
        if id in again
        for field, value in row.items()
        if not _agree(value, again[id][field])
    ]


def _agree(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_agree, a, b))
    return a == b


def _row(claim: Claim) -> dict:
    """Return a claim as JSON has it: an open end of an interval is null."""
    row = {
        field.name: getattr(claim, field.name)
        for field in dataclasses.fields(claim)
        if field.name != "evidence"
    }
    ends = {
        name: row[name] and [_finite(end) for end in row[name]] for name in INTERVALS
    }
    return row | ends | {"effect": _finite(claim.effect), "seeds": int(claim.seeds)}


def _claim(row: dict) -> Claim:
    """Return the claim of which `_row` made the row."""
    ends = {
        name: (
            -math.inf if row[name][0] is None else row[name][0],
            math.inf if row[name][1] is None else row[name][1],
        )
        for name in INTERVALS
        if row.get(name) is not None
    }
    return Claim(**row | ends)


def _finite(value: float | None) -> float | None:
    """Return the number, or None where there is none."""
    return float(value) if value is not None and math.isfinite(value) else None
