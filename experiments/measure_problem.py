"""The user's own problem: found by its name, called, and checked."""

import importlib
import inspect
import math
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from lec7 import curvature, data, runs, train

EXPECTED = "loss_fn, params, batches"


class Problem(NamedTuple):
    """What every measure takes, in its order."""

    loss_fn: Callable[[Any, Any], jax.Array]
    params: Any
    batches: Sequence[Any]


def find(name: str) -> Callable[..., Any]:
    """Return the function MODULE:FUNCTION; the current folder has modules too.

    Raises:
      UsageError: there is no such module, or no such function in it.
      ModuleNotFoundError: the module imports one that does not exist.
    """
    place, _, function = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if not f"{place}.".startswith(f"{error.name}."):
            raise  # the module exists, and lacks another one
        raise runs.UsageError(
            f"--config.problem={name}: there is no module {place}; expected one that "
            f"can be imported from {os.getcwd()} or from Python's path"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        functions = {key: key for key, value in vars(module).items() if callable(value)}
        raise runs.UsageError(
            f"--config.problem={name}: {place} has no function {function}; expected "
            f"one that takes the checkpoint's path and returns {EXPECTED}"
            f"{runs.did_you_mean(function, functions)}"
        )
    return found


def build(
    name: str, checkpoint: pathlib.Path, dataset: str = "", *, chosen: bool = False
) -> Problem:
    """Return what the function MODULE:FUNCTION makes of a checkpoint.

    Args:
      name: of the function.
      checkpoint: the path it is given.
      dataset: name of the data set that it is given where it has an argument `dataset`.
      chosen: whether that name is the user's choice, and so must be of use.

    Raises:
      CheckpointError: there is no such file or folder.
      UsageError: there is no such function, it has no use for the data set, or it does
        not return a problem.
    """
    function = find(name)
    if not checkpoint.exists():
        raise train.CheckpointError(
            f"--config.checkpoint={checkpoint}: there is no such file or folder; "
            f"expected what {name} reads"
        )
    if "dataset" in inspect.signature(function).parameters:
        returned = function(checkpoint, dataset=data.load(dataset))
    elif chosen:
        raise runs.UsageError(
            f"--config.dataset={dataset}: {name} takes no data set; expected a "
            "function of the path and of dataset, a data.Dataset"
        )
    else:
        returned = function(checkpoint)
    if not (isinstance(returned, tuple) and len(returned) == len(Problem._fields)):
        raise runs.UsageError(
            f"--config.problem={name}: it returned {_kind(returned)}; expected a tuple "
            f"of three, {EXPECTED}"
        )
    problem = Problem(*returned)
    if not callable(problem.loss_fn):
        raise runs.UsageError(
            f"--config.problem={name}: the first that it returned is "
            f"{_kind(problem.loss_fn)}; expected loss_fn, a function of params and a "
            "batch"
        )
    try:
        curvature.hessian(*problem)  # which checks parameters and batches
        loss = curvature.mean_loss(*problem)
    except ValueError as error:
        raise runs.UsageError(f"--config.problem={name}: {error}") from error
    if not math.isfinite(loss):
        raise runs.UsageError(
            f"--config.problem={name}: the loss is {loss}; expected one finite number, "
            "the mean over the examples of a batch"
        )
    return problem


def _kind(value: Any) -> str:
    length = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    return f"a {type(value).__name__}{length}"
