"""Progress on the console: a live bar on a terminal, plain lines anywhere else.

The first report of a task comes after compilation, which is timed by itself. With s_1
steps done at the first report, at time t_1, and s steps at the latest, at time t,

  rate = (s - s_1) / (t - t_1),    time left = (total - s) / rate.
"""

import contextlib
import dataclasses
import math
import os
import sys
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TextIO

from lec7 import signals
from lec7.report import formats

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_NAME, _BAR = 16, 12  # characters of a name, at the least, and of a bar


@dataclasses.dataclass
class Task:
    """Work whose steps are counted; made by `Progress.task`.

    Attributes:
      name: what is being done.
      total: steps at the end.
      step: steps done, those before a resume included.
      unit: what one step is called.
      clock: seconds, from any origin.
      show: called with the task after every report.
      metrics: latest value of what is worth watching.
      seconds: time at the latest report, since the start.
      compile_seconds: time at the first report; None before it.
      rate: steps a second since the first report; None before the second.
    """

    name: str
    total: int
    step: int
    unit: str
    clock: Callable[[], float]
    show: Callable[["Task"], None]
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    compile_seconds: float | None = None
    rate: float | None = None

    def __post_init__(self):
        """Start the clock."""
        self._start, self._first_step = self.clock(), self.step

    def update(self, step: int, /, **metrics: float) -> None:
        """Report where the work stands, and leave it if a signal has arrived.

        Args:
          step: steps done. Their work must be over: JAX returns early, so wait for a
            result before reporting.
          **metrics: numbers worth watching.
        """
        self.step, self.metrics = step, metrics
        self.seconds = self.clock() - self._start
        if self.compile_seconds is None:
            self.compile_seconds, self._first_step = self.seconds, step
        elif self.seconds > self.compile_seconds:
            since = self.seconds - self.compile_seconds
            self.rate = (step - self._first_step) / since
        self.show(self)
        signals.check()

    @property
    def seconds_left(self) -> float | None:
        """Time to the last step at the present rate; None where there is no rate."""
        return (self.total - self.step) / self.rate if self.rate else None


class Progress:
    """The console of a run."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        interval: float = 5.0,
    ):
        """Take the console.

        Args:
          stream: where lines go; the standard output by default.
          clock: seconds, from any origin.
          interval: least time between two plain lines of running tasks, seconds.
        """
        self._stream = sys.stdout if stream is None else stream
        self._clock = clock
        self._interval = interval
        self._last_line = clock()
        self._bars = _bars(self._stream)
        self._bar_of = {}

    def say(self, line: str) -> None:
        """Print a line, above the bars of running tasks.

        Args:
          line: the text; what the stream cannot encode is replaced.
        """
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        line = line.encode(encoding, "replace").decode(encoding)
        if self._bar_of:
            self._bars.console.print(
                line, markup=False, highlight=False, soft_wrap=True
            )
        else:
            print(line, file=self._stream, flush=True)
        self._last_line = self._clock()

    @contextlib.contextmanager
    def task(
        self, name: str, total: int, *, start: int = 0, unit: str = "step"
    ) -> Generator[Task, None, None]:
        """Show a task while it runs, and say in a line how it went.

        Args:
          name: what is being done.
          total: steps at the end.
          start: steps done before, where a run resumes.
          unit: what one step is called.

        Yields:
          The task, to be told of its steps by `update`.
        """
        task = Task(name, total, start, unit, self._clock, self._show)
        self._open(task)
        try:
            yield task
        finally:
            self._close(task)
            self.say(f"{name}: {_outcome(task)}")

    def _open(self, task: Task) -> None:
        if self._bars:
            self._bars.start()
            self._bar_of[id(task)] = self._bars.add_task(
                task.name, total=task.total, completed=task.step, status="compiling"
            )

    def _show(self, task: Task) -> None:
        if self._bars:
            bar = self._bar_of[id(task)]
            room = self._bars.console.width - max(len(task.name), _NAME) - _BAR - 3
            self._bars.update(bar, completed=task.step, status=_status(task, room))
        elif (
            task.step < task.total and self._clock() - self._last_line >= self._interval
        ):
            self.say(f"{task.name}: {_status(task)}")

    def _close(self, task: Task) -> None:
        if self._bars:
            self._bars.remove_task(self._bar_of.pop(id(task)))
            if not self._bar_of:
                self._bars.stop()


def _bars(stream: TextIO) -> "RichProgress | None":
    """Return rich's live display where the stream is a terminal that can show it."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, min_width=_NAME),
        ),
        BarColumn(bar_width=_BAR),
        TextColumn("{task.fields[status]}", markup=False),
        console=Console(file=stream),
        transient=True,
    )


def _status(task: Task, room: float = math.inf) -> str:
    """Return where a running task stands, and of its metrics those that have room."""
    parts = [f"{task.step:,}/{task.total:,} {task.unit}s"]
    if task.rate:
        parts.append(_rate(task))
        parts.append(f"{formats.format_duration(task.seconds_left)} left")
    told = ", ".join(parts)
    for metric in _latest(task):
        if len(told) + 2 + len(metric) > room:
            break
        told = f"{told}, {metric}"
    return told


def _outcome(task: Task) -> str:
    """Return how a task went."""
    total = f" of {task.total:,}" if task.step != task.total else ""
    plural = "" if task.total == 1 else "s"
    time_spent = formats.format_duration(task.seconds)
    parts = [f"{task.step:,}{total} {task.unit}{plural} in {time_spent}"]
    if task.rate:
        parts.append(f"compile {formats.format_duration(task.compile_seconds)}")
        parts.append(f"then {_rate(task)}")
    return ", ".join(parts + _latest(task))


def _rate(task: Task) -> str:
    """Return the steps a second."""
    return f"{formats.format_number(task.rate)} {task.unit}s/s"


def _latest(task: Task) -> list[str]:
    """Return the latest metrics."""
    return [f"{name} {float(value):.4g}" for name, value in task.metrics.items()]
