"""Which residual network a state dict is of, by the names and shapes of its tensors."""

import os
import pathlib
import re
from collections.abc import Mapping

import numpy as np

from lec7.models import resnet, weight_files

IMAGENET_MOMENTS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of red, green and blue by which torchvision and timm
standardise images in [0, 1]."""

_NEEDED = ("conv1.weight", "layer1.0.conv1.weight", "fc.weight")
_WINDOWS = {3: False, 7: True}  # of the stem -> whether it is for large images


def resnet_of(path: str | os.PathLike, *, prefix: str = "") -> resnet.ResNet:
    """Return the ResNet whose state dict a `.safetensors` file holds.

    Torchvision's names, which timm shares for all but its variants with another stem,
    tell the blocks of each stage, their kind, the classes and the channels. What they
    do not tell, such as grouped or wider convolutions, `load_pretrained` refuses by the
    shapes.

    Args:
      path: of the file.
      prefix: what the names begin with, such as `module.`.

    Returns:
      The network, without its weights.

    Raises:
      WeightsError: the file cannot be read, or holds no such network.

    Example:
      >>> import tempfile
      >>> import safetensors.numpy
      >>> shapes = {
      ...     "conv1.weight": (64, 3, 7, 7),
      ...     "layer1.0.conv1.weight": (64, 64, 3, 3),
      ...     "layer1.1.conv1.weight": (64, 64, 3, 3),
      ...     "fc.weight": (10, 64),
      ... }
      >>> tensors = {name: np.zeros(shape) for name, shape in shapes.items()}
      >>> with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
      ...     safetensors.numpy.save_file(tensors, file.name)
      ...     model = resnet_of(file.name)
      >>> model.blocks, model.num_classes, model.large_images
      ((2,), 10, True)
    """
    found = weight_files.read_safetensors(pathlib.Path(path))
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in found.items()
        if name.startswith(prefix)
    }
    lacking = [name for name in _NEEDED if name not in tensors]
    if lacking:
        raise weight_files.WeightsError(
            f"{path} lacks {', '.join(prefix + name for name in lacking)}, and has "
            f"{', '.join([*found][:3])}, ...; expected the state dict of a ResNet in "
            "the names of torchvision, which timm shares"
        )
    stem, channels = tensors["conv1.weight"].shape[-1], len(tensors["conv1.weight"])
    if tensors["conv1.weight"].ndim != 4 or stem not in _WINDOWS:
        raise weight_files.WeightsError(
            f"{path} has conv1.weight of the shape {tensors['conv1.weight'].shape}; "
            "expected a stem of 3x3, for small images, or of 7x7"
        )
    return resnet.ResNet(
        num_classes=len(tensors["fc.weight"]),
        blocks=_blocks(tensors),
        channels=channels,
        block=resnet.bottleneck if "layer1.0.conv3.weight" in tensors else resnet.basic,
        large_images=_WINDOWS[stem],
        projection=any(".downsample." in name for name in tensors),
    )


def _blocks(tensors: Mapping[str, np.ndarray]) -> tuple[int, ...]:
    """Return how many blocks each stage has."""
    places = {
        tuple(map(int, found.groups()))
        for name in tensors
        if (found := re.match(r"layer(\d+)\.(\d+)\.", name))
    }
    stages = sorted({stage for stage, _ in places})
    return tuple(sum(stage == of for of, _ in places) for stage in stages)
