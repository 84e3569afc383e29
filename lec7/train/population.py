"""Train one network with one update rule from several seeds, as one population."""

import contextlib
import functools
import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from lec7 import arguments, hosts, losses
from lec7.data.augment import transforms
from lec7.train import (
    divergence,
    identities,
    inputs,
    loop,
    rehearsal,
    shares,
    snapshots,
    synchrony,
)
from lec7.train import evaluate as evaluation
from lec7.train import record as records
from lec7.train import state as states
from lec7.train import step as steps_module


class Population(NamedTuple):
    """M trained networks."""

    variables: Mapping[str, Any]
    """`params` and `batch_stats`, leaves [M, ...]."""
    updates: np.ndarray
    """Made by each member, int [M]."""
    history: Mapping[str, np.ndarray]
    """Metrics along the training; see `loop.fit`."""
    final: Mapping[str, np.ndarray]
    """`train_loss`, `train_accuracy` and the like for all three splits, [M]."""
    opt_state: optax.OptState
    """Of the rule after the last update, with what it averages; leaves [M, ...]."""
    snapshots: Mapping[int, Mapping[str, Any]]
    """Updates made -> variables then, leaves [M, ...]; see `Plan.snapshot_every`."""

    @property
    def record(self) -> records.Record:
        """What was measured, without the networks."""
        return records.Record(self.updates, self.history, self.final)

    def __repr__(self) -> str:
        """Return how many networks there are, and where they ended."""
        ends = ", ".join(f"{name} {np.mean(v):.4g}" for name, v in self.final.items())
        updates = f"{np.min(self.updates)} to {np.max(self.updates)}"
        return f"Population({len(self.updates)} networks, {updates} updates; {ends})"

    def member(self, index: int) -> Mapping[str, Any]:
        """Return the variables of one network."""
        return jax.tree.map(lambda leaf: leaf[index], self.variables)

    def part(self, members: slice) -> "Population":
        """Return some of the networks."""

        def of(tree):
            return jax.tree.map(lambda leaf: leaf[members], tree)

        return Population(
            variables=of(self.variables),
            **self.record.part(members)._asdict(),
            opt_state=of(self.opt_state),
            snapshots={step: of(kept) for step, kept in self.snapshots.items()},
        )


def train(
    model: nn.Module | inputs.Pair,
    rule: optax.GradientTransformation,
    dataset: Any,
    *,
    steps: int,
    batch_size: int,
    loss: steps_module.Loss = losses.cross_entropy,
    metrics: steps_module.MetricFunctions = steps_module.ACCURACY,
    initialise: inputs.Initialise | None = None,
    seeds: Sequence[int] = (0,),
    hyperparams: Mapping[str, jax.typing.ArrayLike] | None = None,
    start: Callable[[states.TrainState], states.TrainState] | None = None,
    evaluate_every: int | None = None,
    watch: Sequence[str] = ("train", "validation"),
    measure: Callable[[states.TrainState], dict[str, np.ndarray]] | None = None,
    stop_loss: float | None = None,
    ceiling: float | None = None,
    on_divergence: str = "stop",
    snapshot_every: int | None = None,
    checkpoint_every: int = 10,
    m: int | None = None,
    augment: transforms.Augment | None = None,
    devices: Sequence[jax.Device] | None = None,
    folder: str | os.PathLike | None = None,
    name: str = "training",
    resume: bool = True,
    progress: loop.Report | None = None,
) -> Population:
    """Train one network with one rule from several seeds.

    Splits that are not watched are used once, at the end. On several devices a model
    whose BatchNorm has no axis over them, or that has Flax's own Dropout, is refused.
    Members of a population see the same batches of a stream.

    Args:
      model: Flax model, called `(x, *, train)` -> outputs [B, K], or a pair of
        functions, key -> parameters and (parameters, x) -> outputs.
      rule: the update rule, any optax transformation.
      dataset: a `data.Dataset`, also with images on the disk; inputs [N, ...] and
        labels [N]; a mapping of splits, such as {"train": (x, y), "test": (x, y)},
        where "train" may be a `Feed`; or a stream, whose element t is the batch of
        step t.
      steps: updates at the most.
      batch_size: B, a multiple of the number of devices.
      loss: outputs [B, K], labels -> loss of each example [B].
      metrics: name -> the same of what is measured beside the loss.
      initialise: key -> variables of a member; the model's own `init` unless given.
      seeds: one for each of the M members; decides its start, its batches, its noise.
      hyperparams: of the rule, a value for each member; see
        `state.initial_population`.
      start: changes the population before its first update, such as by weights that
        were trained elsewhere.
      evaluate_every: updates between two evaluations; at the end alone unless given.
      watch: the splits that are looked at along the way.
      measure: state -> name -> [M], recorded beside what is watched, such as
        `sharpness.track(loss_fn, batches)`, which follows the edge of stability.
      stop_loss: training loss at which a member stops.
      ceiling: what the recorded batch loss is at the most; a training that explodes
        goes on.
      on_divergence: what a member does whose loss or network is not finite, unless
        there is a ceiling. "stop": it stops as it was when it was last evaluated, its
        metrics from then on are NaN, also the final ones, and the others go on; with
        "raise" it ends the training of all.
      snapshot_every: updates between two snapshots, a multiple of `evaluate_every`.
      checkpoint_every: evaluations between two checkpoints.
      m: examples that share a perturbation; see `step.make_step`.
      augment: what is done to every batch; see `step.make_step`.
      devices: over which every batch is divided; the first one unless given.
      folder: takes checkpoints and metrics, and is resumed from; None keeps nothing.
      name: of this training among those of the folder.
      resume: whether a training of that name in the folder goes on.
      progress: called after each evaluation with the updates made and, by name, the
        means over the members of what was measured, such as `log_to("wandb")`.

    Returns:
      The trained population.

    Raises:
      TypeError: the model is not called `(x, *, train)`.
      ValueError: something given does not fit: shapes, labels, counts, devices. Nothing
        has been compiled or written.
      CheckpointError: the folder holds another training of this name.
      DivergedError: the loss of a member is not finite, there is no ceiling, and
        `on_divergence` is "raise" or all members have diverged.

    Example:
      >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
      >>> line = lambda key: jnp.zeros((1, 2)), lambda kernel, x: x @ kernel
      >>> labels = (x[:, 0] > 0).astype(int)
      >>> trained = train(line, optax.sgd(1.0), (x, labels), steps=50, batch_size=16)
      >>> trained.record.percent("train")
      array([100.], dtype=float32)
    """
    devices = jax.local_devices()[:1] if devices is None else devices
    arguments.require(bool(len(devices)), "devices", devices, "one or more")
    if batch_size < 1 or batch_size % len(devices):
        raise ValueError(
            f"batch_size is {batch_size}; expected a multiple of {len(devices)}, the "
            "number of devices"
        )
    if not (hasattr(rule, "init") and hasattr(rule, "update")):
        raise ValueError(
            f"rule is {rule!r}; expected an optax transformation, such as "
            "update_rules.sgd(0.1)"
        )
    seeds = states.require_seeds(seeds)
    given = inputs.examples(
        dataset, seeds=seeds, batch_size=batch_size, parts=shares.of(devices).parts
    )
    model, initialise = inputs.network(model, initialise, given.batch[0])
    inputs.check(model, initialise, given, {"loss": loss, **metrics})
    synchrony.require_model(model, initialise, given.batch[0], devices)
    watched, unwatched = (
        evaluation.make_evaluate(
            model,
            loss,
            {k: split for k, split in given.splits.items() if (k in watch) == along},
            devices,
            metrics=metrics,
        )
        for along in (True, False)
    )
    if stop_loss is not None and not {"train"} <= set(given.splits) & set(watch):
        raise ValueError(
            f"stop_loss is {stop_loss}, which the loss on the split train decides; "
            f"expected it among the splits watched, {', '.join(watch) or 'none'}"
        )
    step = steps_module.make_step(
        model,
        rule,
        loss,
        metrics=metrics,
        axis_name=steps_module.DEVICE_AXIS,
        m=m,
        augment=augment,
    )
    plan = loop.Plan(
        max_steps=steps,
        evaluate_every=steps if evaluate_every is None else evaluate_every,
        checkpoint_every=checkpoint_every,
        stop_loss=stop_loss,
        snapshot_every=snapshot_every,
        on_divergence=on_divergence if ceiling is None else "go on",
    )
    if ceiling is not None:
        arguments.require_positive(ceiling=ceiling)
        step = _bounded(step, ceiling)
    population = states.initial_population(initialise, rule, seeds, hyperparams)
    population = population if start is None else start(population)

    def evaluate(state):
        return watched(state) | ({} if measure is None else measure(state))

    with contextlib.ExitStack() as stack:
        of = population, given.digest, seeds, batch_size, step, given.batch
        identity = _identified(folder, name, resume, *of)
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
        folder = pathlib.Path(folder)
        state, history = rehearsal.fitting()(
            population,
            step=step,
            batches=given.batches,
            evaluate=evaluate,
            plan=plan,
            devices=devices,
            folder=folder,
            name=name,
            identity=identity,
            report=progress,
        )
        kept = hosts.from_first(
            lambda: snapshots.read_snapshots(
                folder, name, state, every=snapshot_every, identity=identity
            )
        )
    final = watched(state) | unwatched(state)
    if ceiling is None:
        final = _checked(final, state, history, plan, name)
    return Population(
        variables=state.variables,
        updates=np.asarray(state.step),
        history=history,
        final=final,
        opt_state=state.opt_state,
        snapshots=kept,
    )


def _identified(folder, name: str, resume: bool, *training: Any) -> str:
    """Return the identity of a training, which is the same on all hosts.

    Raises:
      CheckpointError: the folder holds another training of this name.
      ValueError: the hosts do not begin the same one.
    """
    if folder is None and hosts.count() == 1:
        return ""
    wanted = identities.of(*training)
    identities.require_alike(wanted)
    if folder is None:
        return ""
    require = functools.partial(identities.require, resume=resume)
    return hosts.from_first(lambda: require(pathlib.Path(folder), name, wanted))


def _checked(final, state, history, plan, name):
    """Return the final metrics, NaN for members that have diverged.

    Raises:
      DivergedError: all have, or one has that is not to stop alone.
    """
    lost = np.asarray(state.step) < plan.max_steps
    if plan.stop_loss is not None:  # and has been watched
        lost &= np.isnan(history["train_loss"][-1])
    loss = final.get("train_loss", np.zeros(len(lost)))
    lost |= ~np.isfinite(loss)
    if lost.all() or (lost.any() and plan.on_divergence == "raise"):
        raise divergence.DivergedError(
            f"training {name} diverged: the final train_loss is {loss}; "
            "expected finite numbers: lower the learning rate"
        )
    return divergence.without(final, np.flatnonzero(lost).tolist())


def _bounded(step: steps_module.Step, ceiling: float) -> steps_module.Step:
    """Return the step with a finite loss among its metrics."""

    def bounded(state, batch):
        state, metrics = step(state, batch)
        bound = jnp.nan_to_num(metrics["loss"], nan=ceiling, posinf=ceiling)
        return state, metrics | {"loss": jnp.minimum(bound, ceiling)}

    return bounded
