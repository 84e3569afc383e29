"""Metrics of a training, handed on to a service that keeps experiments."""

import importlib
from collections.abc import Callable

from lec7 import arguments

_LOGS = {"wandb": "log", "mlflow": "log_metrics"}  # package -> its function


def log_to(
    service: str, *, also: Callable[..., None] | None = None
) -> Callable[..., None]:
    """Return a `progress` for `train.train` that logs to W&B or MLflow.

    After each evaluation the service is given the means over the members of all that
    was measured, with the number of updates as the step. A run of it is begun as ever,
    by `wandb.init(...)` or `mlflow.start_run()`.

    Args:
      service: "wandb" or "mlflow", a package that is installed.
      also: another `progress` that is called too.

    Returns:
      The function of a number of updates and metrics by name.

    Raises:
      ValueError: there is no such service.
      ModuleNotFoundError: its package is not installed.

    Example:
      >>> import sys, types
      >>> sys.modules["wandb"] = types.SimpleNamespace(
      ...     log=lambda metrics, step: print(step, metrics)
      ... )
      >>> progress = log_to("wandb")  # train.train(..., progress=progress)
      >>> progress(100, train_loss=0.5)
      100 {'train_loss': 0.5}
      >>> del sys.modules["wandb"]
    """
    arguments.require_one_of(_LOGS, service=service)
    try:
        log = getattr(importlib.import_module(service), _LOGS[service])
    except ModuleNotFoundError as error:
        if error.name != service:
            raise
        raise ModuleNotFoundError(
            f"{service} is not installed; expected the package that log_to hands "
            f"metrics to: pip install {service}",
            name=service,
        ) from error

    def progress(updates: int, **metrics: float) -> None:
        log(metrics, step=updates)
        if also is not None:
            also(updates, **metrics)

    return progress
