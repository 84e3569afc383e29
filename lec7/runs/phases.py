"""The phases of an experiment: how many there are, and how long is left."""

import ast
import pathlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lec7.runs import folder, json_file


def count_phases(experiments: pathlib.Path, name: str) -> int | None:
    """Return how many phases an experiment has, by its source; None if that varies.

    Args:
      experiments: their folder.
      name: of the experiment, whose parts and those that it shares are read too.
    """
    found: set[str] = set()
    for source in _sources(experiments, name, set()):
        for node in ast.walk(source):
            if isinstance(node, ast.With):
                for item in node.items:
                    phase = _phase(item.context_expr)
                    if phase is not None and not isinstance(phase, ast.Constant):
                        return None
                    found |= {phase.value} if phase else set()
    return len(found)


def earlier_seconds(runs: pathlib.Path, experiment: str) -> Mapping[str, float]:
    """Return the seconds of each phase in the last run of an experiment that finished.

    Args:
      runs: a folder of runs.
      experiment: its name.

    Returns:
      Phase -> seconds; empty where no run has finished.
    """
    paths = sorted(runs.glob(f"*/{folder.RECORD_FILE}"), key=_age)
    for path in reversed(paths):
        record = _record(path)
        attempts = record.get("attempts", [])
        if (record.get("experiment"), record.get("status")) != (experiment, "finished"):
            continue
        if len(attempts) == 1 and attempts[0].get("seconds"):
            return attempts[0]["seconds"]
    return {}


class Phases:
    """Counts the phases of a run as they begin, and says how long is left."""

    def __init__(
        self,
        number: int | None,
        earlier: Mapping[str, float],
        expected: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Take what is known beforehand.

        Args:
          number: of phases, None if unknown.
          earlier: phase -> seconds in another run.
          expected: seconds in all, where no other run is known; None if unknown.
          clock: seconds, from any origin.
        """
        self._number, self._earlier, self._expected = number, earlier, expected
        self._clock, self._start = clock, clock()
        self._begun: dict[str, float] = {}  # phase -> time

    def begin(self, name: str) -> str | None:
        """Return what to say when a phase begins; None when it goes on."""
        if name in self._begun:
            return None
        self._begun[name] = self._clock()
        place = len(self._begun)
        whole = "" if self._number is None else f" of {max(place, self._number)}"
        return f"phase {place}{whole}: {name}{self._left()}"

    def _left(self) -> str:
        spent = self._clock() - self._start
        *over, _ = self._begun
        known = sum(self._earlier.values())
        if known and self._begun.keys() <= self._earlier.keys():
            then = sum(self._earlier[name] for name in over)
            pace = spent / then if then > 1 else 1.0
            return _about((known - then) * pace, "as in the last run")
        if self._expected is None or spent >= self._expected:
            return ""
        return _about(self._expected - spent, "on two CPU cores")


def _about(seconds: float, how: str) -> str:
    minutes = seconds / 60
    told = f"{minutes:.0f} min" if minutes >= 1.5 else f"{seconds:.0f} s"
    return f" (about {told} left in all, {how})"


def _sources(
    experiments: pathlib.Path, name: str, seen: set[str]
) -> Iterator[ast.Module]:
    """Yield a module and those beside it that it imports, once each."""
    path = experiments / f"{name}.py"
    if name in seen or not path.is_file():
        return
    seen.add(name)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "experiments":
            for alias in node.names:
                yield from _sources(experiments, alias.name, seen)


def _phase(call: ast.expr) -> ast.expr | None:
    """Return the argument of `context.phase(...)`."""
    named = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    return call.args[0] if named and call.func.attr == "phase" and call.args else None


def _record(path: pathlib.Path) -> Mapping[str, Any]:
    try:
        record = json_file.read(path)
    except (ValueError, OSError):
        return {}
    return record if isinstance(record, dict) else {}


def _age(path: pathlib.Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def most_seconds(minutes: str) -> float | None:
    """Return the most of `N` or `N-M` minutes in seconds, None where there is no N.

    Example:
      >>> most_seconds("1-2"), most_seconds("")
      (120.0, None)
    """
    found = re.findall(r"[\d.]+", minutes)
    return 60 * float(found[-1]) if found else None
