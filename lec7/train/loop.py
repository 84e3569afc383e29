"""The loop on the host: advance a population, evaluate, record, save, stop.

A dispatch is `Plan.evaluate_every` updates in one compiled program. Between two
dispatches the host evaluates, writes the metrics and, when it is due, a checkpoint.
Everything that decides what comes next is in the checkpoint, so a training that was
killed at any time and started again ends in the same bytes as one that was not.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import arguments, files
from lec7.train import checkpoint, events, feed, metrics, snapshots
from lec7.train import state as states
from lec7.train import step as steps

Report = Callable[..., None]


class DivergedError(Exception):
    """The loss of a member is not finite."""

    exit_code = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train, and when to look."""

    max_steps: int  # updates at the most
    evaluate_every: int  # updates between two evaluations
    checkpoint_every: int = 10  # evaluations between two checkpoints
    stop_loss: float | None = None  # training loss at which a member stops, nats
    snapshot_every: int | None = None  # updates between two snapshots; None for none

    def __post_init__(self):
        """Check the counts.

        Raises:
          ValueError: a count is below one, or a snapshot is due between evaluations.
        """
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


def fit(
    state: states.TrainState,
    *,
    step: steps.Step,
    batches: feed.Feed,
    evaluate: Callable[[states.TrainState], dict[str, np.ndarray]],
    plan: Plan,
    devices: Sequence[jax.Device],
    folder: pathlib.Path,
    name: str,
    report: Report | None = None,
) -> tuple[states.TrainState, dict[str, np.ndarray]]:
    """Train a population, from its newest checkpoint if it has one.

    A member stops at the first evaluation at which its `train_loss` is no more than
    `plan.stop_loss`; the others go on.

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
      report: called after every dispatch with the steps made and, by name, what was
        measured, the mean over the members.

    Returns:
      The trained population as arrays of the host, and the history of its metrics:
      name -> [T', M] and `NAME_step` -> [T'].

    Raises:
      ValueError: the name is not one plain component of a path.
      DivergedError: the loss of a member that has not stopped is not finite.
      CheckpointError: see `checkpoint.restore_latest`; or metrics are missing.
    """
    files.require_name(name, "the training's name")
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints = folder / "checkpoints" / name
    log = metrics.MetricsLog(folder / "metrics.jsonl", name)
    start = _Carried(state, np.ones(len(state.step), bool), np.asarray(0))
    carried = _resume(checkpoints, log, start)
    advance = steps.make_advance(step, batches.fetch, devices)
    data = steps.place(batches.data, devices)
    # A copy, because `advance` consumes its state and the caller may want theirs.
    copy = jax.tree.map(jnp.copy, carried.state)
    carried = carried._replace(state=steps.place(copy, devices))

    while carried.steps < plan.max_steps and carried.active.any():
        done = int(carried.steps)
        count = min(plan.evaluate_every, plan.max_steps - done)
        slots = feed.divide(batches.slots(done, count), len(devices))
        state, made = advance(carried.state, data, slots, carried.active)
        made = jax.device_get(made)
        _require_finite(made["loss"], carried.active, done, name)
        measured = evaluate(state)
        log.append(done, made, carried.active, measured)
        if plan.snapshot_every and (done + count) % plan.snapshot_every == 0:
            snapshots.take(folder, name, state, done + count)
        carried = _after(state, carried, measured, done + count, plan)
        if _is_due(carried, plan):
            log.sync()
            checkpoint.save(checkpoints, carried, step=done + count)
        if report is not None:
            report(done + count, **{k: float(np.mean(v)) for k, v in measured.items()})
    history = log.read()
    events.write_events(folder / "events" / name, history)
    return jax.device_get(carried.state), history


class _Carried(NamedTuple):
    """All that decides what comes next."""

    state: states.TrainState
    active: np.ndarray  # bool [M]
    steps: np.ndarray  # int []


def _after(
    state: states.TrainState,
    carried: _Carried,
    measured: dict[str, np.ndarray],
    done: int,
    plan: Plan,
) -> _Carried:
    active = carried.active
    if plan.stop_loss is not None:
        active = active & (measured["train_loss"] > plan.stop_loss)
    return _Carried(state, active, np.asarray(done))


def _is_due(carried: _Carried, plan: Plan) -> bool:
    finished = carried.steps == plan.max_steps or not carried.active.any()
    period = plan.evaluate_every * plan.checkpoint_every
    return finished or carried.steps % period == 0


def _resume(
    checkpoints: pathlib.Path, log: metrics.MetricsLog, start: _Carried
) -> _Carried:
    restored = checkpoint.restore_latest(checkpoints, start)
    carried = start if restored is None else restored
    lines = log.rewind(int(carried.steps))
    if lines != carried.steps:
        raise checkpoint.CheckpointError(
            f"metrics.jsonl has {lines} of the {carried.steps} steps before the "
            f"checkpoint in {checkpoints}: restore the file from a copy, or delete the "
            "run's folder to start anew"
        )
    return carried


def _require_finite(loss: np.ndarray, active: np.ndarray, done: int, name: str) -> None:
    bad = ~np.isfinite(loss) & active
    if bad.any():
        at, member = np.argwhere(bad)[0]
        raise DivergedError(
            f"training {name} diverged: the loss of member {member} is "
            f"{loss[at, member]} at step {done + at}; expected a finite number: lower "
            "the learning rate"
        )
