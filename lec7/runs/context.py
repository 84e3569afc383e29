"""What an experiment is given beside its configuration."""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable, Generator
from typing import Any


def _forget(phase: str, seconds: float) -> None:
    del phase, seconds


@dataclasses.dataclass(frozen=True)
class Context:
    """Where an experiment writes, on what it computes, and whom it tells."""

    folder: pathlib.Path  # the run's folder, which exists
    devices: tuple[Any, ...]  # the JAX devices to use, at least one
    progress: Any  # a `lec7.report.Progress`
    add_seconds: Callable[[str, float], None] = _forget  # phase, seconds

    @contextlib.contextmanager
    def phase(self, name: str) -> Generator[None, None, None]:
        """Count the seconds of a part of the run, also when it is interrupted."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add_seconds(name, time.perf_counter() - start)
