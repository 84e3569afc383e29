"""The problem that is measured unless another is named: a network on a data set.

It is also the pattern for one's own. A problem is a function of the path that
`--config.checkpoint` names; it reads that file or folder, in whatever format it is, and
returns the loss, the parameters and the batches. With an argument `dataset` it is given
the data set that `--config.dataset` names.
"""

import pathlib
from typing import Any

import jax
import numpy as np

from lec7 import data, losses, models, runs, train, update_rules

WIDTHS = (128, 128)
NAME = "demonstration"
EXAMPLES = 1024  # on which a network is measured, at most


def problem(
    checkpoint: pathlib.Path, dataset: data.Dataset
) -> tuple[Any, Any, list[data.Split]]:
    """Return loss, parameters and batches of a network on images to train on.

    A `.safetensors` file is a ResNet in the names of torchvision, which timm shares, on
    images standardised as theirs. A folder is `checkpoints/NAME` or
    `checkpoints/NAME/<step>` of a run of lec7, such as sharp_vs_flat, of an MLP with
    two hidden layers of 128 units, on images standardised by their own moments; of a
    population the first network counts.

    Raises:
      WeightsError: there is no checkpoint, or it is of another network, as one with
        more layers is.
      UsageError: the data set has other classes, or no images for a ResNet.
    """
    shape = dataset.train.images.shape[1:]
    if checkpoint.is_dir():
        model, moments, batch = _mlp(dataset.num_classes), None, EXAMPLES
    else:
        model, moments, batch = models.resnet_of(checkpoint), _imagenet(shape), 64
    _require_classes(dataset, model.num_classes, checkpoint)
    template = jax.eval_shape(
        lambda key: models.initialise(model, key, shape), jax.random.key(0)
    )
    variables = models.load_pretrained(checkpoint, template).variables
    metrics = train.batch_metrics(model, losses.cross_entropy)

    def loss_fn(params, batch):
        return metrics({**variables, "params": params}, batch)["loss"]

    dataset = data.standardise(dataset, moments)
    return loss_fn, variables["params"], data.chunks(_some(dataset.train), batch)


def demonstrate(
    context: runs.Context, dataset: data.Dataset, *, updates: int
) -> pathlib.Path:
    """Train such an MLP, and return the folder of its checkpoints."""
    model, shape = _mlp(dataset.num_classes), dataset.train.images.shape[1:]
    with context.progress.task("training", updates) as task:
        train.train(
            model,
            update_rules.momentum(0.05),
            data.standardise(dataset),
            steps=updates,
            batch_size=64,
            initialise=lambda key: models.initialise(model, key, shape),
            evaluate_every=max(1, updates // 10),
            devices=context.devices,
            folder=context.folder,
            name=NAME,
            progress=task.update,
        )
    return context.shared(f"checkpoints/{NAME}")


def _mlp(classes: int) -> models.MLP:
    return models.MLP(classes, widths=WIDTHS, axis_name=train.DEVICE_AXIS)


def _imagenet(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the moments of torchvision's images, for grey ones the mean over colours.

    Raises:
      UsageError: the examples are not images.
    """
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise runs.UsageError(
            f"--config.dataset has examples of the shape {list(shape)}; expected "
            "images [H, W, 1] or [H, W, 3], which this ResNet takes"
        )
    moments = np.array(models.IMAGENET_MOMENTS, np.float32)
    return tuple(moments if shape[-1] == 3 else moments.mean(axis=1, keepdims=True))


def _require_classes(
    dataset: data.Dataset, classes: int, checkpoint: pathlib.Path
) -> None:
    if dataset.num_classes != classes:
        raise runs.UsageError(
            f"--config.dataset={dataset.name} has {dataset.num_classes} classes, and "
            f"the network in {checkpoint} {classes}; expected as many, numbered alike: "
            "name the data set that it was trained on"
        )


def _some(split: data.Split) -> data.Split:
    """Return some of the examples, drawn by a fixed permutation, or all."""
    count = len(split.labels)
    if count <= EXAMPLES:
        return split
    rows = np.sort(np.random.default_rng(0).permutation(count)[:EXAMPLES])
    return data.Split(np.asarray(split.images[rows]), split.labels[rows])
