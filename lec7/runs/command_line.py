"""The words of a command line that configure the experiment."""

import re
from collections.abc import Iterable, Sequence

from lec7 import program
from lec7.runs import exits

_PREFIX = "--config."


def settings(
    words: Sequence[str], flags: Iterable[str], experiments: Iterable[str]
) -> dict[str, list[str]]:
    """Group `--config.FIELD=VALUE`, or `--config.FIELD VALUE ...`, by field.

    Args:
      words: what is left of the command line without the program's own flags.
      flags: the names of those flags; like the next, what a wrong word may have meant.
      experiments: the names of the experiments.

    Returns:
      Dotted field name -> the words given for its value.

    Raises:
      UsageError: a stray word, an unknown flag, a field given twice or without a value.

    Example:
      >>> settings(["--config.rho=.05", "--config.seeds", "0", "-1"], [], [])
      {'rho': ['.05'], 'seeds': ['0', '-1']}
    """
    forms = {name: f"--experiment={name}" for name in experiments}
    forms |= {name: f"--{name}" for name in flags} | {"config": "--config.FIELD=VALUE"}
    found: dict[str, list[str]] = {}
    current = None
    for word in words:
        name, equals, value = word.removeprefix(_PREFIX).partition("=")
        if word.startswith(_PREFIX):
            if name in found:
                raise exits.UsageError(f"{word}: given twice; expected one value")
            current = found[name] = [value] if equals else []
        elif current is not None and not re.match(r"-(?!\.?\d)", word):
            current.append(word)
        else:
            kind = "unknown flag" if word.startswith("-") else "stray word"
            raise exits.UsageError(
                f"{word}: {kind}; expected flags that {program.command()} "
                f"--help shows"
                f"{exits.did_you_mean(name.lstrip('-'), forms)}"
            )
    for name, given in found.items():
        if not given:
            raise exits.UsageError(
                f"{_PREFIX}{name}: no value; expected {_PREFIX}{name}=VALUE"
            )
    return found
