"""The problem that is measured unless another is named: an MLP on `digits`.

It is also the pattern for one's own. A problem is a function of the path that
`--config.checkpoint` names; it reads that file or folder, in whatever format it is, and
returns the loss, the parameters and the batches.
"""

import pathlib
from typing import Any

import jax

from lec7 import data, losses, models, runs, train, update_rules

MODEL = models.MLP(num_classes=10, axis_name=train.DEVICE_AXIS)
SHAPE = (8, 8, 1)
NAME = "demonstration"


def problem(checkpoint: pathlib.Path) -> tuple[Any, Any, list[data.Split]]:
    """Return loss, parameters and batches of a checkpoint trained on `digits`.

    It is `checkpoints/NAME` or `checkpoints/NAME/<step>` of a run of lec7, such as
    sharp_vs_flat, of an MLP with two hidden layers of 128 units; of a population the
    first network counts.

    Raises:
      WeightsError: there is no checkpoint, or it is of another network, as one with
        more layers is.
    """
    template = models.initialise(MODEL, jax.random.key(0), SHAPE)
    variables = models.load_pretrained(checkpoint, template).variables
    metrics = train.batch_metrics(MODEL, losses.cross_entropy)
    dataset = data.standardise(data.load("digits"))

    def loss_fn(params, batch):
        return metrics({"params": params}, batch)["loss"]

    return loss_fn, variables["params"], data.chunks(dataset.train, 1024)


def demonstrate(context: runs.Context, *, updates: int) -> pathlib.Path:
    """Train such a network, and return the folder of its checkpoints."""
    with context.progress.task("training", updates) as task:
        train.train(
            MODEL,
            update_rules.momentum(0.05),
            data.standardise(data.load("digits")),
            steps=updates,
            batch_size=64,
            initialise=lambda key: models.initialise(MODEL, key, SHAPE),
            evaluate_every=max(1, updates // 10),
            devices=context.devices,
            folder=context.folder,
            name=NAME,
            progress=task.update,
        )
    return context.folder / "checkpoints" / NAME
