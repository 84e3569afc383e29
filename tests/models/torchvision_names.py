"""State dicts in the names, layouts and shapes of torchvision and timm, of noise."""

import functools

import jax
import numpy as np

from lec7 import models

BLOCKS = {
    "resnet18": ((2, 2, 2, 2), 2, 1),
    "resnet50": ((3, 4, 6, 3), 3, 4),
    "tiny": ((1, 1), 2, 1),
}


def state_dict(name, classes, *, timm=False):
    """Return the tensors of a network by name; timm's files lack torch's counters."""
    blocks, convolutions, expansion = BLOCKS[name]
    shapes = {"conv1.weight": (64, 3, 7, 7)} | norm("bn1", 64)
    channels = 64
    for stage, count in enumerate(blocks, 1):
        width = 32 * 2**stage
        for index in range(count):
            place = f"layer{stage}.{index}"
            out = width * expansion
            sizes = [channels, *[width] * (convolutions - 1), out]
            windows = (3, 3) if convolutions == 2 else (1, 3, 1)
            for i, window in enumerate(windows, 1):
                kernel = (sizes[i], sizes[i - 1], window, window)
                shapes[f"{place}.conv{i}.weight"] = kernel
                shapes |= norm(f"{place}.bn{i}", sizes[i])
            if index == 0 and (stage > 1 or channels != out):
                shapes[f"{place}.downsample.0.weight"] = (out, channels, 1, 1)
                shapes |= norm(f"{place}.downsample.1", out)
            channels = out
    shapes |= {"fc.weight": (classes, channels), "fc.bias": (classes,)}
    return {
        name: noise(name, shape)
        for name, shape in shapes.items()
        if not (timm and name.endswith("num_batches_tracked"))
    }


def norm(name, size):
    """Return the shapes of the tensors of a BatchNorm."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (size,) for part in parts} | {
        f"{name}.num_batches_tracked": ()
    }


def noise(name, shape):
    draw = np.random.default_rng(len(name))
    size = 0.1 * draw.normal(size=shape).astype(np.float32)
    return np.abs(size) + 0.5 if name.endswith("running_var") else np.asarray(size)


@functools.cache
def variables(model):
    """Return the shapes of our variables."""
    return jax.eval_shape(
        lambda key: models.initialise(model, key, (32, 32, 3)), jax.random.key(0)
    )
