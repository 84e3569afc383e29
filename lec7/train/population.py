"""Train one network with one update rule from several seeds, as one population."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from flax import linen as nn

from lec7.data import dataset as datasets
from lec7.train import evaluate as evaluation
from lec7.train import feed, loop
from lec7.train import state as states
from lec7.train import step as steps


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

    def member(self, index: int) -> Mapping[str, Any]:
        """Return the variables of one network."""
        return jax.tree.map(lambda leaf: leaf[index], self.variables)


def train_population(
    model: nn.Module,
    rule: optax.GradientTransformation,
    loss: Callable[[jax.Array, jax.Array], jax.Array],
    dataset: datasets.Dataset,
    *,
    initialise: Callable[[jax.Array], Mapping[str, Any]],
    seeds: Sequence[int],
    batch_size: int,
    plan: loop.Plan,
    devices: Sequence[jax.Device],
    folder: pathlib.Path,
    name: str,
    m: int | None = None,
    report: loop.Report | None = None,
) -> Population:
    """Train a population on a data set in memory; the test split is used at the end.

    Args:
      model: Flax model with `axis_name=DEVICE_AXIS`.
      rule: the update rule.
      loss: logits [B, K], labels [B] -> loss of each example [B].
      dataset: what to train on and to test with.
      initialise: key -> variables of a member.
      seeds: one for each of the M members; decides its start, its batches, its noise.
      batch_size: B, a multiple of the number of devices.
      plan: how long to train, and when to look.
      devices: over which every batch is divided.
      folder: the run's folder.
      name: of this training in the run's folder.
      m: examples that share a perturbation; see `step.make_step`.
      report: see `loop.fit`.

    Returns:
      The trained population.
    """
    seen = {"train": dataset.train, "validation": dataset.validation}
    state, history = loop.fit(
        states.initial_population(initialise, rule, seeds),
        step=steps.make_step(model, rule, loss, axis_name=steps.DEVICE_AXIS, m=m),
        batches=feed.from_arrays(*dataset.train, seeds=seeds, batch_size=batch_size),
        evaluate=evaluation.make_evaluate(model, loss, seen, devices),
        plan=plan,
        devices=devices,
        folder=folder,
        name=name,
        report=report,
    )
    splits = seen | {"test": dataset.test}
    final = evaluation.make_evaluate(model, loss, splits, devices)(state)
    return Population(state.variables, np.asarray(state.step), history, final)
