"""What came of a sweep: its table, its page, and what is said of it at the terminal."""

import pathlib
from collections.abc import Sequence
from typing import Any

from lec7 import runs, sweeps
from lec7.command import telling
from lec7.sweeps import choice, results

_MEASURES = 8  # on the page; the table has all


def tell(
    experiments: pathlib.Path,
    root: pathlib.Path,
    experiment: str,
    rows: Sequence[sweeps.Row],
    asked: str | None = None,
) -> list[str]:
    """Write the table and the page of a sweep, which may have trials to run yet.

    Args:
      experiments: the folder of the experiments.
      root: of the sweep.
      experiment: its name.
      rows: what became of the trials.
      asked: the objective that the user has named, or None.

    Returns:
      Lines for the terminal: the answer, warnings, and where the page is.

    Raises:
      UsageError: the objective is a measure of the test, or a spread. One that no
        trial has is a warning here, since the trials are to be told of nevertheless.
    """
    from lec7.report import sweep_pages, tried

    choice.objective([], asked)
    objective, wrong = _objective(rows, asked)
    ranked = choice.ranked(rows, objective) if objective else []
    paths = results.write_table(root, rows)
    sweep = tried.Sweep(
        experiment=experiment,
        question=runs.headline(experiments, experiment).question,
        trials=[_tried(row) for row in rows],
        fields=_fields(rows),
        objective=objective,
        higher=choice.higher_is_better(objective or ""),
        best=_best(ranked),
        measures=_measures(rows, objective),
        warnings=[
            *wrong,
            *(choice.left_out(rows, objective, ranked) if objective else []),
            *(choice.borders(rows, ranked[0]) if ranked else []),
            *_several(rows, objective, asked),
        ],
        tables=[path.name for path in paths],
    )
    page = sweep_pages.write_sweep(root, sweep)
    warned = [f"warning: {text}" for text in sweep.warnings]
    answer = tried.answer(sweep).replace("`", "")
    return [answer, *warned, f"{page} has them all"]


def _objective(
    rows: Sequence[sweeps.Row], asked: str | None
) -> tuple[str | None, list[str]]:
    """Return what chooses, and a warning where it is not what was asked for."""
    try:
        return choice.objective(rows, asked), []
    except runs.UsageError:
        found = choice.objective(rows)
        return found, [f"{asked} cannot choose; {found or 'nothing'} has chosen"]


def _tried(row: sweeps.Row) -> Any:
    from lec7.report import tried

    spreads = {
        name.removesuffix(results.SPREAD): value
        for name, value in row.values.items()
        if name.endswith(results.SPREAD)
    }
    return tried.Trial(
        number=row.trial.number,
        settings=row.trial.settings,
        status=row.status,
        said=row.said,
        values=row.values,
        spreads=spreads,
        link=(row.trial.folder / telling.PAGE).as_posix(),
    )


def _fields(rows: Sequence[sweeps.Row]) -> dict[str, list[sweeps.Value]]:
    swept = choice.swept(rows)
    return {name: of for name, of in swept.items() if name not in choice.SEEDS}


def _best(ranked: Sequence[choice.Choice]) -> Any:
    from lec7.report import tried

    if not ranked:
        return None
    return tried.Best(
        **ranked[0]._asdict(), as_good=choice.as_good(ranked), compared=len(ranked)
    )


def _measures(rows: Sequence[sweeps.Row], objective: str | None) -> list[str]:
    """Return the objective, what the same training has besides, then others."""
    names = choice.measures(rows)
    if objective is None:
        return names[:_MEASURES]
    path = objective.rpartition(".")[0]
    split = objective.rpartition("_")[0]
    same = [name for name in names if name.rpartition(".")[0] == path]
    beside = [name for name in same if name.rpartition("_")[0] == split]
    return [*dict.fromkeys([objective, *beside, *same, *names])][:_MEASURES]


def _several(
    rows: Sequence[sweeps.Row], objective: str | None, asked: str | None
) -> list[str]:
    """Return which of several measures was taken, where nobody named one."""
    named = [x for x in choice.measures(rows) if x.endswith(choice.BY_DEFAULT)]
    if asked is not None or len(named) < 2:
        return []
    others = f"{len(named) - 1} other measure{'s' * (len(named) > 2)}"
    return [
        f"{objective} has chosen, the first of its kind in the alphabet; "
        f"--objective=NAME takes one of {others}"
    ]
