"""The loop on the host: advance a population, evaluate, record, save, stop.

A dispatch is `Plan.evaluate_every` updates in one compiled program; where batches are
read from the disk, in several. Between two dispatches the host evaluates, writes the
metrics and, when it is due, a checkpoint. Everything that decides what comes next is in
the checkpoint, so a training that was killed at any time and started again ends in the
same bytes as one that was not.

On many hosts all make this loop, in step, and the first alone reads and writes the
folder. A signal to one of them is a signal to all.
"""

import dataclasses
import functools
import os
import pathlib
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from lec7 import arguments, files, hosts, signals
from lec7.train import checkpoint, divergence, events, feed, metrics, snapshots
from lec7.train import state as states
from lec7.train import step as steps

Report = Callable[..., None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train, and when to look."""

    max_steps: int  # updates at the most
    evaluate_every: int  # updates between two evaluations
    checkpoint_every: int = 10  # evaluations between two checkpoints
    stop_loss: float | None = None  # training loss at which a member stops, nats
    snapshot_every: int | None = None  # updates between two snapshots; None for none
    on_divergence: str = "stop"  # which of `divergence.WAYS` a member takes

    def __post_init__(self):
        """Check the counts.

        Raises:
          ValueError: a count is below one, a snapshot is due between evaluations, the
            loss to stop at is no number, or there is no such way to take a divergence.
        """
        stop = self.stop_loss
        arguments.require(stop is None or stop == stop, "stop_loss", stop, "a number")
        arguments.require_one_of(divergence.WAYS, on_divergence=self.on_divergence)
        arguments.require_counts(
            max_steps=self.max_steps,
            evaluate_every=self.evaluate_every,
            checkpoint_every=self.checkpoint_every,
        )
        every = self.snapshot_every
        if every is not None and (every < 1 or every % self.evaluate_every):
            raise ValueError(
                f"snapshot_every is {every}; expected a multiple of evaluate_every, "
                f"which is {self.evaluate_every}"
            )

    @property
    def is_checked(self) -> bool:
        """Whether it is looked at if members are finite."""
        return self.on_divergence != "go on"


def fit(
    state: states.TrainState,
    *,
    step: steps.Step,
    batches: feed.Feed,
    evaluate: Callable[[states.TrainState], dict[str, np.ndarray]],
    plan: Plan,
    devices: Sequence[jax.Device],
    folder: str | os.PathLike,
    name: str,
    identity: str = "",
    report: Report | None = None,
    advance: steps.Advance | None = None,
) -> tuple[states.TrainState, dict[str, np.ndarray]]:
    """Train a population, from its newest checkpoint if it has one.

    A member stops at the first evaluation at which its `train_loss` is no more than
    `plan.stop_loss`; the others go on, as they do where one diverges, which then has
    the state before the dispatch in which it did, and from there on no metrics. A
    training that diverges keeps its metrics up to the last finite update, and its
    newest checkpoint is finite. At a signal the state is saved after the present
    dispatch.

    Args:
      state: the population before its first update, leaves [M, ...].
      step: the pure step of one member, made with `axis_name=DEVICE_AXIS`.
      batches: where its batches come from.
      evaluate: state -> name -> [M], with `train_loss` among them.
      plan: how long to train, and when to look.
      devices: over which every batch is divided.
      folder: the run's folder; takes `metrics.jsonl`, `checkpoints/<name>/<step>/`,
        TensorBoard's `events/<name>/`, and `snapshots/<name>/<step>/`, which
        `snapshots.read_snapshots` reads.
      name: of this training in these.
      identity: of this training; its checkpoints and snapshots carry it, and those of
        another one are refused.
      report: called after every dispatch with the steps made and, by name, what was
        measured, the mean over the members.
      advance: what `make_advance` makes of the step, where it is made already.

    Returns:
      The trained population as arrays of the host, and the history of its metrics:
      name -> [T', M] and `NAME_step` -> [T'].

    Raises:
      ValueError: the name is not one plain component of a path, the state has no
        members, there are several devices and the step does not average over them,
        or `evaluate` does not return what it should.
      DivergedError: the loss of a member that has not stopped, or what an update has
        made of it, is not finite, and `plan.on_divergence` is "raise" or all members
        have diverged.
      CheckpointError: see `checkpoint.restore_latest`; or metrics are missing, damaged
        or of another training.
      Signalled: a signal has arrived, and the state is saved.
    """
    files.require_name(name, "the training's name")
    _require_population(state)
    measure = functools.partial(_measured, evaluate, plan)
    folder, first = pathlib.Path(folder), hosts.is_first()
    if first:
        folder.mkdir(parents=True, exist_ok=True)
    start = _Carried(state, np.ones(len(state.step), bool), np.asarray(0))
    live = events.EventsLog(folder / "events" / name)
    log = metrics.MetricsLog(folder / "metrics.jsonl", name, live)
    keeper = _Keeper(folder / "checkpoints" / name, log, plan, identity)
    carried = keeper.resume(start)
    batches = feed.own(batches, devices)
    advance = advance or steps.make_advance(step, batches.fetch, devices)
    data = steps.place(batches.data, devices)
    # A copy, because `advance` consumes its state and the caller may want theirs.
    copied = divergence.copy(carried.state)
    carried = carried._replace(state=steps.place(copied, devices))
    alone = plan.on_divergence == "stop" and len(carried.active) > 1

    while carried.steps < plan.max_steps and carried.active.any():
        done = int(carried.steps)
        count = min(plan.evaluate_every, plan.max_steps - done)
        kept = divergence.copy(carried.state) if alone else None
        given = (carried.state, data, carried.active)
        span = range(done, done + count)
        state, made = feed.dispatch(advance, batches, given, span, devices)
        active = carried.active.copy()
        dispatch = divergence.Dispatch(
            name, done, made, active, keeper.diverged, kept, plan.is_checked, log
        )
        state, measured = dispatch.settle(state, measure)
        signal = hosts.agreed(signals.noted())
        if first:
            log.append(done, made, carried.active, measured)
        due = plan.snapshot_every and (done + count) % plan.snapshot_every == 0
        if due and first:
            snapshots.take(folder, name, state, done + count, identity=identity)
        if plan.stop_loss is not None:
            # A loss that is not a number has not reached it.
            active &= ~(measured["train_loss"] <= plan.stop_loss)
        carried = _Carried(state, active, np.asarray(done + count))
        keeper.save(carried, at_once=bool(signal))
        if report is not None:
            report(done + count, **_means(measured, keeper.diverged))
        signals.check()
        if signal:
            raise signals.Signalled(signal)
    return jax.device_get(carried.state), hosts.from_first(log.finish)


def _means(
    measured: Mapping[str, np.ndarray], diverged: Collection[int]
) -> dict[str, float]:
    """Return the means over members that have not diverged."""
    kept = {name: np.delete(values, [*diverged]) for name, values in measured.items()}
    return {name: float(np.mean(values)) for name, values in kept.items()}


def _require_population(state: states.TrainState) -> None:
    if np.ndim(state.step) != 1:
        raise ValueError(
            f"state.step has the shape {np.shape(state.step)}; expected [M], the state "
            "of a population as `initial_population` returns it, also of one member"
        )


def _measured(
    evaluate: Callable, plan: Plan, state: states.TrainState
) -> dict[str, np.ndarray]:
    """Return what an evaluation returns, having checked it.

    Raises:
      ValueError: it is not name -> [M], or the training loss that is to stop a member
        is not among it.
    """
    measured, count = evaluate(state), len(state.step)
    if not isinstance(measured, Mapping):
        raise ValueError(
            f"evaluate returned {measured!r}; expected name -> [{count}], a value for "
            "each member"
        )
    for name, values in measured.items():
        expected = f"[{count}], a value for each member"
        arguments.require(
            np.shape(values) == (count,), f"{name} of evaluate", values, expected
        )
    if plan.stop_loss is not None and "train_loss" not in measured:
        raise ValueError(
            f"evaluate returned {', '.join(measured) or 'nothing'}; expected "
            f"train_loss among it, since stop_loss is {plan.stop_loss}"
        )
    return {name: np.asarray(values) for name, values in measured.items()}


class _Carried(NamedTuple):
    """All that decides what comes next."""

    state: states.TrainState
    active: np.ndarray  # bool [M]
    steps: np.ndarray  # int []


@dataclasses.dataclass
class _Keeper:
    """What a training keeps of its state, and resumes from."""

    folder: pathlib.Path
    log: metrics.MetricsLog
    plan: Plan
    identity: str
    between: int | None = None  # step of a checkpoint that a signal caused
    diverged: set[int] = dataclasses.field(default_factory=set)  # members stopped

    def save(self, carried: _Carried, *, at_once: bool) -> None:
        """Write a checkpoint where it is due, or the training is to end at once."""
        step, due = int(carried.steps), self._is_due(carried)
        if (due or at_once) and hosts.is_first():
            self._write(carried, step, due=due)
        if at_once:
            hosts.gathered(b"")  # nobody leaves before it is written

    def _write(self, carried: _Carried, step: int, *, due: bool) -> None:
        self.log.sync()
        about = {"training": self.identity, "metrics": self.log.digest}
        about |= {"diverged": sorted(self.diverged)} if self.diverged else {}
        # So many stay that at the end there are those of a run without signals.
        keep = 2 if due and self.between is None else 3
        checkpoint.save(self.folder, carried, step=step, keep=keep, about=about)
        if self.between not in (None, step):
            checkpoint.remove(self.folder, step=self.between)
        self.between = None if due else step

    def resume(self, start: _Carried) -> _Carried:
        """Return what the newest checkpoint has, or the start."""
        found = hosts.from_first(self._find)
        carried = start if found is None else checkpoint.restored(found, start)
        manifest = {} if found is None else found.manifest
        self.diverged.update(manifest.get("diverged", ()))
        step = int(carried.steps)
        if found is not None and not self._is_due(carried):
            self.between = step
        if hosts.is_first():
            if found is None:
                self._warn_of_lost_checkpoints()
            self.log.rewind(step, manifest.get("metrics"))
        return carried

    def _find(self) -> checkpoint.Found | None:
        checkpoint.drop_reduced(self.folder)
        found = checkpoint.newest(self.folder)
        manifest = {} if found is None else found.manifest
        checkpoint.require_training(self.folder, manifest, self.identity)
        return found

    def _is_due(self, carried: _Carried) -> bool:
        finished = carried.steps == self.plan.max_steps or not carried.active.any()
        return finished or carried.steps % self._period == 0

    @property
    def _period(self) -> int:
        return self.plan.evaluate_every * self.plan.checkpoint_every

    def _warn_of_lost_checkpoints(self) -> None:
        lines = self.log.count()
        if lines > self._period:
            warnings.warn(
                f"metrics.jsonl has {lines} steps of a training without a checkpoint "
                f"in {self.folder}; it starts anew",
                stacklevel=4,
            )
