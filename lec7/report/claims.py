"""Claims: statements that a run decides, and the file that holds them."""

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lec7 import files

VERDICTS = ("supported", "contradicted", "inconclusive")
KINDS = ("empirical", "identity", "definition")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement with its verdict and the numbers that gave it.

    Attributes:
      id: short name, unique in a run; a claim of the lecture keeps its number, "L20".
      statement: the sentence put to the test.
      source: where it comes from: time in the lecture, equation or table of a paper.
      verdict: one of `VERDICTS`.
      effect: the number that decides; None when there is none.
      interval: where the effect lies, at 95 % confidence over seeds; None if unknown.
      unit: of the effect and its interval.
      seeds: number of independent runs behind it.
      figure: name of the figure that shows it.
      above: lower end of the range that the effect is claimed to lie in, or None.
      below: upper end of it, or None.
      kind: one of `KINDS`.
      p: probability of so large an effect by chance, corrected over the family; None
        where it was not decided so.
      why: a claim was not tested, or None.
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
    p: float | None = None
    why: str | None = None

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


def family(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims of a page, which are decided together.

    Args:
      claims: in the order to be read in.

    Raises:
      ValueError: if two claims have one id.
    """
    for id, count in Counter(claim.id for claim in claims).items():
        if count > 1:
            raise ValueError(f"{count} claims have the id {id!r}; make every id unique")
    return list(claims)


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
    except (ValueError, TypeError, KeyError) as error:
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
    ends = claim.interval and [_finite(end) for end in claim.interval]
    return dataclasses.asdict(claim) | {
        "effect": _finite(claim.effect),
        "interval": ends,
        "seeds": int(claim.seeds),
    }


def _claim(row: dict) -> Claim:
    """Return the claim of which `_row` made the row."""
    if row["interval"] is not None:
        low, high = row["interval"]
        low = -math.inf if low is None else low
        high = math.inf if high is None else high
        row = row | {"interval": (low, high)}
    return Claim(**row)


def _finite(value: float | None) -> float | None:
    """Return the number, or None where there is none."""
    return float(value) if value is not None and math.isfinite(value) else None
