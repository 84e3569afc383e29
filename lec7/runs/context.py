"""What an experiment is given beside its configuration."""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol, TypeVar

from lec7 import files, hosts, signals
from lec7.runs import findings

Found = TypeVar("Found")


def _forget(phase: str, seconds: float) -> None:
    del phase, seconds


def _say_nothing(phase: str) -> None:
    del phase


def _content(folder: pathlib.Path) -> dict[str, bytes]:
    """Return what the files of a folder hold, by their paths in it."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


class Progress(Protocol):
    """The console of a run, such as `lec7.report.Progress`."""

    def say(self, line: str) -> None:
        """Print a line."""

    def task(
        self, name: str, total: int, *, start: int = 0, unit: str = "step"
    ) -> contextlib.AbstractContextManager[Any]:
        """Show work of so many steps while it runs; its `update(step)` counts them."""


@dataclasses.dataclass(frozen=True)
class Context:
    """Where an experiment writes, on what it computes, and whom it tells."""

    folder: pathlib.Path  # the run's folder, which exists
    devices: tuple[Any, ...]  # the JAX devices to use, at least one
    progress: Progress
    identity: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: {"experiment": "", "config": "{}"}
    )  # of the run, for `once`
    add_seconds: Callable[[str, float], None] = _forget  # phase, seconds
    begin: Callable[[str], str | None] = _say_nothing  # phase -> what to say of it

    def once(self, name: str, kind: Any, measure: Callable[[], Found]) -> Found:
        """Return what `measure` finds, or found before the run was interrupted.

        Args:
          name: of the part, unique in the run.
          kind: its type, as the field of the findings has it.
          measure: makes it.
        """
        file = files.require_name(name, "a part's name").replace(" ", "_")
        path = self.folder / "parts" / f"{file}.npz"
        signals.check()
        if not hosts.from_first(path.exists):
            found = measure()
            if hosts.is_first():
                findings.save(path, found, kind, **self.identity)
        if hosts.count() > 1:
            content = hosts.from_first(path.read_bytes)
            if not hosts.is_first():
                files.write(path, content)
        return findings.load(path, kind, **self.identity)

    def shared(self, name: str) -> pathlib.Path:
        """Return a folder in the run's, whose files every host then has.

        Args:
          name: of the folder, relative to the run's.
        """
        place = self.folder / name
        if hosts.count() > 1:
            content = hosts.from_first(lambda: _content(place))
            if not hosts.is_first():
                for file, held in content.items():
                    files.write(place / file, held)
        return place

    @contextlib.contextmanager
    def phase(self, name: str) -> Generator[None, None, None]:
        """Count the seconds of a part of the run, also when it is interrupted."""
        if told := self.begin(name):
            self.progress.say(told)
        start = time.perf_counter()
        try:
            yield
            signals.check()
        finally:
            self.add_seconds(name, time.perf_counter() - start)
