"""A search that learns from finished trials where to try next: optuna's TPE.

Trials are asked for in rounds of a constant number, and what came of a round is told
before the next one, in the order of its numbers. So the trials of a search are the same
however many run at once, and after an interruption.

References:
  Bergstra et al. 2011, Algorithms for hyper-parameter optimization.
"""

import importlib.util
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lec7 import runs
from lec7.sweeps import choice, trials

ROUND = 4
"""Trials that are asked for at once."""
_DIGITS = 4  # of a number that is tried

Space = Mapping[str, trials.Range | Sequence[trials.Value]]


def search(
    space: Space, rows: Sequence[trials.Row], objective: str, seed: int
) -> list[trials.Trial]:
    """Return the trials of the present round that have not ended yet.

    Args:
      space: field -> range, or list of which to take one.
      rows: what became of the trials so far, in any order; settings of other fields are
        not looked at.
      objective: measure that is to be low, or high if it is an accuracy.
      seed: of the search.

    Returns:
      `ROUND` trials at the most, with the fields of the space as settings. They depend
      on the rounds before this one alone, of which all trials have ended. A number has
      four significant digits.

    Raises:
      UsageError: optuna is missing, a measure of the test is to choose, or a range or
        list holds nothing.
    """
    require_optuna()
    choice.objective([], objective)
    _require_space(space)
    ended = {row.trial.number: row for row in rows if row.status != trials.UNFINISHED}
    begin = 0
    while all(begin + place in ended for place in range(ROUND)):
        begin += ROUND
    told = [ended[number] for number in range(begin)]
    asked = _next_round(space, told, objective, seed)
    return [trial for trial in asked if trial.number not in ended]


def require_optuna() -> None:
    """Check that what searches is installed.

    Raises:
      UsageError: it is not.
    """
    if importlib.util.find_spec("optuna") is None:
        raise runs.UsageError(
            "--search=tpe: needs optuna, pip install 'lec7[search]'; or give a "
            "--sweep without --search"
        )


def _require_space(space: Space) -> None:
    for field, of in space.items():
        if isinstance(of, trials.Range):
            if not of.low < of.high or of.log and of.low <= 0:
                above = " and above 0" if of.log else ""
                raise runs.UsageError(
                    f"--sweep: {field} is searched from {of.low:g} to {of.high:g}; "
                    f"expected rising ends{above}"
                )
        elif not of:
            raise runs.UsageError(f"--sweep: {field} has no values to search among")


def _next_round(
    space: Space, told: Sequence[trials.Row], objective: str, seed: int
) -> list[trials.Trial]:
    import optuna

    logger = logging.getLogger("optuna")
    level, begin = logger.level, len(told)
    logger.setLevel(logging.WARNING)  # each trial would be a line
    try:
        # A sampler of its own for each round: none has to be wound forward.
        sampler = optuna.samplers.TPESampler(seed=_seed(seed, begin))
        study = optuna.create_study(
            sampler=sampler,
            direction="maximize" if choice.higher_is_better(objective) else "minimize",
        )
        distributions = {field: _distribution(of) for field, of in space.items()}
        for row in told:
            study.add_trial(_told(row, space, distributions, objective))
        asked = [study.ask(distributions) for _ in range(ROUND)]
        return [
            trials.Trial(
                begin + place,
                {field: _value(of, trial.params[field]) for field, of in space.items()},
            )
            for place, trial in enumerate(asked)
        ]
    finally:
        logger.setLevel(level)


def _seed(seed: int, begin: int) -> int:
    return (seed * 1_000_003 + begin) % 2**32


def _distribution(of: trials.Range | Sequence[trials.Value]) -> Any:
    from optuna import distributions

    if not isinstance(of, trials.Range):  # by its place: optuna takes no lists
        return distributions.CategoricalDistribution(range(len(of)))
    if of.whole:
        return distributions.IntDistribution(int(of.low), int(of.high), log=of.log)
    return distributions.FloatDistribution(of.low, of.high, log=of.log)


def _value(of: trials.Range | Sequence[trials.Value], chosen: Any) -> trials.Value:
    if not isinstance(of, trials.Range):
        return of[chosen]
    if of.whole:
        return chosen
    return min(max(float(f"{chosen:.{_DIGITS}g}"), of.low), of.high)


def _told(
    row: trials.Row, space: Space, distributions: Mapping[str, Any], objective: str
) -> Any:
    """Return a trial of optuna's; one without a finite value has failed."""
    from optuna import trial

    settings = row.trial.settings
    params = {
        field: settings[field]
        if isinstance(of, trials.Range)
        else [*of].index(settings[field])
        for field, of in space.items()
    }
    value = row.values.get(objective, math.nan)
    finite = row.status == trials.FINISHED and math.isfinite(value)
    state = trial.TrialState.COMPLETE if finite else trial.TrialState.FAIL
    return trial.create_trial(
        state=state,
        value=value if finite else None,
        params=params,
        distributions=distributions,
    )
