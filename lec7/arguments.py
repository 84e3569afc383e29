"""Arguments, checked where they are given: "steps is 0; expected an integer >= 1".

A traced value, as under `jax.vmap` over rates, has no number to check and passes.
"""

import inspect
import numbers
from collections.abc import Callable, Iterable
from typing import Any

COUNT_LIMIT = 2**31
"""Counts are below it: on a device they are int32."""


def require(holds: bool, name: str, value: Any, expected: str) -> None:
    """Check any condition.

    Args:
      holds: whether it does.
      name: of the argument.
      value: what the user gave.
      expected: ends the message.

    Raises:
      ValueError: it does not hold.

    Example:
      >>> require(1 <= 5 <= 4, "k", 5, "1 to 4")
      Traceback (most recent call last):
      ValueError: k is 5; expected 1 to 4
    """
    if not holds:
        raise ValueError(f"{name} is {value!r}; expected {expected}")


def require_one_of(choices: Iterable[str], **words: Any) -> None:
    """Check words by the names of their arguments.

    Raises:
      ValueError: one is not among the choices.
    """
    known = list(choices)
    for name, word in words.items():
        require(word in known, name, word, f"one of {', '.join(map(str, known))}")


def require_counts(*, least: int = 1, **counts: Any) -> None:
    """Check numbers of updates, of examples, of draws.

    Raises:
      ValueError: one is not an integer, below `least`, or no int32.
    """
    for name, count in counts.items():
        integer = isinstance(count, numbers.Integral) and not isinstance(count, bool)
        holds = integer and least <= count < COUNT_LIMIT
        # An array is what optax.inject_hyperparams makes of a number.
        static = " of Python: name it in static_args" if hasattr(count, "aval") else ""
        require(holds, name, count, f"an integer >= {least}{static}")


def require_arrays(**trees: Any) -> None:
    """Check that all leaves of trees are arrays or numbers.

    Raises:
      ValueError: one is something else, such as a function in an Equinox module.

    Example:
      >>> require_arrays(params={"kernel": 1.0, "activation": abs})
      Traceback (most recent call last):
      ValueError: params['activation'] is a builtin_function_or_method; expected arrays
      alone: divide an Equinox module by
      `params, static = equinox.partition(model, equinox.is_inexact_array)`, and call
      `equinox.combine(params, static)` in the loss
    """
    import jax  # here, since --help of the command line must not wait for it

    for name, tree in trees.items():
        for path, leaf in jax.tree.leaves_with_path(tree):
            array = hasattr(leaf, "dtype") or hasattr(leaf, "__jax_array__")
            if not array and not isinstance(leaf, numbers.Number):
                raise ValueError(
                    f"{name}{jax.tree_util.keystr(path)} is a {type(leaf).__name__}; "
                    "expected arrays alone: divide an Equinox module by `params, "
                    "static = equinox.partition(model, equinox.is_inexact_array)`, and "
                    "call `equinox.combine(params, static)` in the loss"
                )


def require_positive(**values: Any) -> None:
    """Check radii, widths and the like.

    Raises:
      ValueError: one is not a number > 0.
    """
    _require(lambda x: x > 0, "a number > 0", values)


def require_non_negative(**values: Any) -> None:
    """Check rates and the like, numbers or arrays.

    Raises:
      ValueError: one is not a finite number >= 0.
    """
    _require(lambda x: (x >= 0) & (x < float("inf")), "a finite number >= 0", values)


def require_fractions(**values: Any) -> None:
    """Check shares of something, and probabilities, numbers or arrays.

    Raises:
      ValueError: one is not a number in [0, 1].
    """
    _require(lambda x: (x >= 0) & (x <= 1), "a number in [0, 1]", values)


def require_decays(**values: Any) -> None:
    """Check decays of exponential averages, and probabilities that are not certain.

    Raises:
      ValueError: one is not a number in [0, 1), or an array of them.
    """
    _require(lambda x: (x >= 0) & (x < 1), "a number in [0, 1)", values)


def require_call(model: Any, *keywords: str) -> None:
    """Check that a model is called with keywords.

    Raises:
      TypeError: it takes none of such a name.
    """
    taken = inspect.signature(type(model).__call__).parameters
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return
    for name in keywords:
        if name not in taken:
            raise TypeError(
                f"{type(model).__name__}.__call__ takes {', '.join(taken)}; expected a "
                f"keyword `{name}` among them, as in "
                f"__call__(self, x, *, {', '.join(keywords)})"
            )


def offer(function: Callable[..., Any], *args: Any, **offered: Any) -> Any:
    """Call a function with those of the arguments offered that it takes.

    A chain of update rules hands on whatever it is given, so no signature tells:
    an argument is taken back when a `TypeError` names it as unexpected.

    Args:
      function: of `args`, and of some of `offered`; without side effects.
      *args: it is given in any case.
      **offered: name -> argument.

    Returns:
      What the function returns.

    Raises:
      TypeError: of the function, about other things.

    Example:
      >>> offer(lambda x, *, scale: x * scale, 3, scale=2, shift=1)
      6
    """
    while True:
        try:
            return function(*args, **offered)
        except TypeError as error:
            message = str(error)
            refused = {name for name in offered if f"'{name}'" in message}
            if "nexpected keyword argument" not in message or not refused:
                raise
            offered = {name: offered[name] for name in offered.keys() - refused}


def _require(holds: Callable, expected: str, values: dict[str, Any]) -> None:
    for name, value in values.items():
        require(_all(holds, value), name, value, expected)


def _all(holds: Callable, value: Any) -> bool:
    """Return whether real numbers, all of an array's, meet a condition."""
    import jax  # here, since --help of the command line must not wait for it
    import numpy as np

    if isinstance(value, jax.core.Tracer):
        return True
    array = np.asarray(value)
    if not jax.numpy.issubdtype(array.dtype, jax.numpy.number):
        return False
    return bool(np.all((array.imag == 0) & holds(array.real)))
