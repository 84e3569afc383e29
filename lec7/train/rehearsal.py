"""Trainings that are costed and not made: a few updates, from which the rest follows.

Inside `rehearsed`, `train.train` compiles its step, makes updates for about a second,
and returns a population of the shapes of the trained one, all of whose updates have the
last numbers that were measured. So a program that trains several populations meets all
its trainings.
"""

import contextlib
import contextvars
import dataclasses
import functools
import pathlib
import tempfile
import time
from collections.abc import Callable, Generator
from typing import Any

import jax
import numpy as np

from lec7 import arguments
from lec7.train import (
    checkpoint,
    compiled_step,
    costs,
    loop,
    metrics,
    snapshots,
)
from lec7.train import state as states

BUDGET = 1.0
"""Seconds for which updates are timed, or as long as two dispatches take."""
_MANY = 64  # dispatches at the most
_SAMPLE = 2**28  # bytes of a checkpoint that are written to be timed, at the most
_KEPT = 2**30  # bytes of snapshots that are written, at the most

_present: contextvars.ContextVar["Rehearsal | None"] = contextvars.ContextVar(
    "rehearsal", default=None
)


def _say_nothing(name: str) -> None:
    del name


@dataclasses.dataclass
class Rehearsal:
    """What has been costed so far."""

    hosts: int = 1  # that are to share a batch
    clock: Callable[[], float] = time.perf_counter  # seconds, from any origin
    begin: Callable[[str], Any] = _say_nothing  # the name of a training
    found: list[costs.Cost] = dataclasses.field(default_factory=list)
    seconds: float = 0.0  # spent on trainings
    is_training: bool = False


@contextlib.contextmanager
def rehearsed(
    hosts: int = 1,
    clock: Callable[[], float] = time.perf_counter,
    begin: Callable[[str], Any] = _say_nothing,
) -> Generator[Rehearsal, None, None]:
    """Cost the trainings that are begun inside, and make none.

    Args:
      hosts: on how many the costs are to be told by `Cost.on`; an update is then timed
        with the share of a host too.
      clock: seconds, from any origin; `time.process_time` for those of the processor,
        on a machine that others use.
      begin: is told the name of each training that is to be costed.

    Yields:
      What has been costed so far.

    Raises:
      ValueError: `hosts` is no integer >= 1.
    """
    arguments.require_counts(hosts=hosts)
    rehearsal = Rehearsal(hosts, clock, begin)
    token = _present.set(rehearsal)
    try:
        yield rehearsal
    finally:
        _present.reset(token)


def fitting() -> Callable[..., tuple[states.TrainState, dict[str, np.ndarray]]]:
    """Return `loop.fit`, or what costs it inside `rehearsed`."""
    rehearsal = _present.get()
    return loop.fit if rehearsal is None else functools.partial(_fit, rehearsal)


def _fit(
    rehearsal: Rehearsal,
    state: states.TrainState,
    *,
    folder: pathlib.Path,
    **given: Any,
) -> tuple[states.TrainState, dict[str, np.ndarray]]:
    """Return what `loop.fit` does, of a training that is costed."""
    rehearsal.begin(given["name"])
    began, rehearsal.is_training = rehearsal.clock(), True
    with tempfile.TemporaryDirectory() as place:
        cost, done, history = _costed(state, given, rehearsal, pathlib.Path(place))
    rehearsal.found.append(cost)
    plan = given["plan"]
    done = done.replace(step=np.full(len(state.step), plan.max_steps))
    _keep_snapshots(folder, done, given)
    rehearsal.is_training = False
    rehearsal.seconds += rehearsal.clock() - began
    return done, _stretched(history, plan)


def _costed(
    state: states.TrainState,
    given: dict[str, Any],
    rehearsal: Rehearsal,
    place: pathlib.Path,
) -> tuple[costs.Cost, states.TrainState, dict[str, np.ndarray]]:
    """Return what a training takes, and its state and history after some updates."""
    plan, name = given["plan"], given["name"]
    step = compiled_step.compiled(
        state, given["step"], given["batches"], given["devices"], rehearsal.clock
    )
    most = min(plan.evaluate_every, plan.max_steps)
    count = max(1, min(most, int(BUDGET / step.pace(state))))
    clock = _Clock(given["evaluate"], rehearsal.clock)
    timed = dataclasses.replace(
        plan,
        max_steps=max(plan.max_steps, 3 * count),
        evaluate_every=count,
        checkpoint_every=plan.max_steps + 3,  # which is timed by itself
        stop_loss=None,
        snapshot_every=None,
    )
    with contextlib.suppress(_Enough):
        loop.fit(
            state,
            **given
            | {"plan": timed, "evaluate": clock.evaluate, "report": clock.tick}
            | {"folder": place, "identity": "", "advance": step.advance},
        )
    update = clock.dispatch / count
    seconds = costs.Seconds(
        compile=step.seconds + clock.compilation,
        update=update,
        evaluation=clock.evaluation,
        checkpoint=_saving(clock.state, place / "checkpoint", rehearsal.clock),
        fixed=update * step.fixed_share(state, rehearsal.hosts, min(most, count)),
    )
    evaluations = -(-plan.max_steps // plan.evaluate_every)
    cost = costs.Cost(
        name=name,
        members=len(state.step),
        **step.counts,
        updates=plan.max_steps,
        evaluations=evaluations,
        checkpoints=-(-evaluations // plan.checkpoint_every),
        stops=plan.stop_loss is not None,
        seconds=seconds,
        devices=len(given["devices"]),
    )
    history = metrics.MetricsLog(place / "metrics.jsonl", name).read()
    return cost, jax.device_get(clock.state), history


class _Enough(Exception):
    """Enough has been timed."""


class _Clock:
    """Times the dispatches of a loop, and ends it."""

    def __init__(
        self,
        evaluate: Callable[[states.TrainState], Any],
        clock: Callable[[], float],
    ):
        """Take what evaluates the population after each dispatch."""
        self._evaluate, self._now = evaluate, clock
        self._looks: list[float] = []  # seconds
        self._ticks: list[float] = []  # when dispatches have ended
        self.state: Any = None

    def evaluate(self, state: states.TrainState) -> dict[str, np.ndarray]:
        """Return the evaluation, of which time and state are kept."""
        began = self._now()
        found = self._evaluate(state)
        self._looks.append(self._now() - began)
        self.state = state
        return found

    def tick(self, done: int, **means: float) -> None:
        """Note the end of a dispatch.

        Raises:
          _Enough: so many have been timed.
        """
        del done, means
        self._ticks.append(self._now())
        count, spent = len(self._ticks), self._ticks[-1] - self._ticks[0]
        if count > _MANY or (count > 1 and spent > BUDGET):
            raise _Enough

    @property
    def evaluation(self) -> float:
        """Seconds of an evaluation, without the first, which is compiled."""
        return float(np.mean(self._looks[1:]))

    @property
    def compilation(self) -> float:
        """Seconds that the compilation of the evaluation takes."""
        return max(0.0, self._looks[0] - self.evaluation)

    @property
    def dispatch(self) -> float:
        """Seconds of the updates between two evaluations."""
        return float(np.mean(np.diff(self._ticks) - self._looks[1:]))


def _saving(state: Any, place: pathlib.Path, clock: Callable[[], float]) -> float:
    """Return the seconds of a checkpoint; of a large one, by the first of its bytes."""
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    sample = state if size <= _SAMPLE else np.zeros(_SAMPLE, np.uint8)
    began = clock()
    checkpoint.save(place, sample, step=0)
    return (clock() - began) * max(1.0, size / _SAMPLE)


def _keep_snapshots(
    folder: pathlib.Path, state: states.TrainState, given: dict[str, Any]
) -> None:
    """Keep the networks as often as the training would, unless that is too much."""
    plan = given["plan"]
    if plan.snapshot_every is None:
        return
    due = range(plan.snapshot_every, plan.max_steps + 1, plan.snapshot_every)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state.variables))
    for at in due if size * len(due) <= _KEPT else ():
        snapshots.take(folder, given["name"], state, at, identity=given["identity"])


def _stretched(
    history: dict[str, np.ndarray], plan: loop.Plan
) -> dict[str, np.ndarray]:
    """Return a history as long as that of the whole training, of its last numbers."""
    every = np.arange(plan.max_steps)
    looks = np.arange(plan.evaluate_every, plan.max_steps, plan.evaluate_every)
    looks = np.append(looks, plan.max_steps) - 1
    found = {}
    for name in [name for name in history if f"{name}_step" in history]:
        at = every if len(history[name]) == len(history["loss"]) else looks
        last = history[name][-1]
        found[name] = np.broadcast_to(last, (len(at), *last.shape))
        found[f"{name}_step"] = at
    return found
