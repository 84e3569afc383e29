"""Many trials of one experiment: what they are, who runs them, what they found."""

from lec7.sweeps.trials import FAILED, FINISHED, UNFINISHED, Range, Row, Trial, Value

__all__ = ["FAILED", "FINISHED", "UNFINISHED", "Range", "Row", "Trial", "Value"]
