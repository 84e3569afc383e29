"""The data sets that a sweep names are looked for before any trial begins."""

from collections.abc import Iterable, Mapping
from typing import Any

from lec7 import runs
from lec7.command import options
from lec7.sweeps.planning import Sweep

_FIELD = "dataset"
_OWN = "problem"  # whoever brings one decides what a data set is


def require(
    asked: options.Asked, sweep: Sweep, settings: Iterable[Mapping[str, Any]]
) -> None:
    """Refuse a data set that does not exist, as each of its trials would.

    Args:
      asked: the command line.
      sweep: what all trials have in common.
      settings: field -> value or values of the others, of each trial or of all.

    Raises:
      UsageError: there is such a name.
    """
    given = [sweep.base, *settings]
    names = dict.fromkeys(name for of in given for name in _words(of.get(_FIELD, ())))
    if not names or any(_OWN in of for of in given):
        return
    kind = runs.config_class(asked.experiments, sweep.experiment)
    defaults = [x.default for x in runs.fields(kind) if x.name == _FIELD]
    from lec7 import data

    # An experiment whose default is unknown has data sets of its own.
    if not all(data.is_there(name) for of in defaults for name in _words(of)):
        return
    for name in names:
        if not data.is_there(name):
            raise runs.UsageError(
                f"dataset={name}: no such data set, and no such path; expected the "
                "name of one, of lec7 or of TFDS, or an .npz file or folder that exists"
            )


def _words(value: Any) -> list[str]:
    """Return the names in a value, a list of values, or a list of lists."""
    if isinstance(value, tuple | list):
        return [name for of in value for name in _words(of)]
    return [str(value)]
