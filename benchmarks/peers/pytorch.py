"""Networks and trainings in PyTorch's eager mode, from the variables of Flax models."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks import machine

torch.set_num_threads(machine.threads())


def tensor(array: Any) -> torch.Tensor:
    """Return a copy of an array."""
    return torch.tensor(np.asarray(array))


def inputs(array: Any) -> torch.Tensor:
    """Return a copy of inputs [N, ..., C] as [N, C, ...]."""
    return tensor(array).movedim(-1, 1).contiguous()


def dense(layer: Mapping[str, Any], image: Sequence[int] | None = None) -> nn.Linear:
    """Return a dense layer; the inputs of the first one may be those of an image."""
    kernel = np.asarray(layer["kernel"])
    if image is not None:  # flattened as H W C there, as C H W here
        kernel = np.moveaxis(kernel.reshape(*image, -1), -2, 0)
        kernel = kernel.reshape(-1, kernel.shape[-1])
    linear = nn.Linear(*kernel.shape, bias="bias" in layer)
    return _given(linear, layer, kernel.T)


def conv(layer: Mapping[str, Any], *, stride: int = 1, padding: int = 1) -> nn.Module:
    """Return a convolution of one or two dimensions."""
    kernel = np.asarray(layer["kernel"])
    *window, before, after = kernel.shape
    kind = nn.Conv1d if len(window) == 1 else nn.Conv2d
    options = {"stride": stride, "padding": padding, "bias": "bias" in layer}
    kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
    return _given(kind(before, after, tuple(window), **options), layer, kernel)


def batch_norm(layer: Mapping[str, Any], *, images: bool = True) -> nn.Module:
    """Return a normalisation with fresh running statistics."""
    channels = len(layer["scale"])
    made = nn.BatchNorm2d(channels) if images else nn.BatchNorm1d(channels)
    return _given(made, layer, layer["scale"])


def _given(module: nn.Module, layer: Mapping[str, Any], weight: Any) -> nn.Module:
    module.weight.data = tensor(np.ascontiguousarray(weight))
    if "bias" in layer:
        module.bias.data = tensor(layer["bias"])
    return module


def mlp(params: Mapping[str, Any], activation: Callable = nn.ReLU) -> nn.Module:
    """Return `models.MLP`, without noise and BatchNorm."""
    hidden = [dense(params[f"Dense_{i}"]) for i in range(len(params) - 1)]
    layers = [part for layer in hidden for part in (layer, activation())]
    return nn.Sequential(nn.Flatten(), *layers, dense(params["head"]))


def convnet(params: Mapping[str, Any], side: int) -> nn.Module:
    """Return `models.ConvNet` of two stages, with or without BatchNorm."""
    layers: list[nn.Module] = []
    for stage in range(2):
        layers.append(conv(params[f"Conv_{stage}"]))
        if f"BatchNorm_{stage}" in params:
            layers.append(batch_norm(params[f"BatchNorm_{stage}"]))
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    classifier = params["classifier"]
    channels = params["Conv_1"]["kernel"].shape[-1]
    layers += [
        nn.Flatten(),
        dense(classifier["Dense_0"], (side // 4,) * 2 + (channels,)),
    ]
    if "BatchNorm_0" in classifier:
        layers.append(batch_norm(classifier["BatchNorm_0"], images=False))
    return nn.Sequential(*layers, nn.ReLU(), dense(classifier["head"]))


class Block(nn.Module):
    """A residual branch and its shortcut of every other pixel."""

    def __init__(self, params: Mapping[str, Any], stride: int):
        """Copy a block of `models.resnet20`."""
        super().__init__()
        self.stride = stride
        self.branch = nn.Sequential(
            conv(params["conv1"], stride=stride),
            batch_norm(params["norm1"]),
            nn.ReLU(),
            conv(params["conv2"]),
            batch_norm(params["last_norm"]),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the images after the block."""
        y = self.branch(x)
        x = x[:, :, :: self.stride, :: self.stride]
        x = nn.functional.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return torch.relu(x + y)


class Mean(nn.Module):
    """The mean over positions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [B, C]."""
        return x.mean((2, 3))


def resnet20(params: Mapping[str, Any]) -> nn.Module:
    """Return `models.resnet20`."""
    blocks = [
        Block(params[f"stage{stage}_block{block}"], 1 + (stage > 1 and block == 1))
        for stage in (1, 2, 3)
        for block in (1, 2, 3)
    ]
    stem = (conv(params["stem"]), batch_norm(params["stem_norm"]), nn.ReLU())
    return nn.Sequential(*stem, *blocks, Mean(), dense(params["head"]))


def training(
    networks: Sequence[nn.Module],
    make_rule: Callable[[Iterable], torch.optim.Optimizer],
    examples: tuple[np.ndarray, np.ndarray],
    batches: Callable[[int, int], np.ndarray],
    updates: int,
) -> Callable[[], list[torch.Tensor]]:
    """Return a call that trains networks one after another for some updates.

    Args:
      networks: M.
      make_rule: parameters -> optimiser.
      examples: inputs [N, ..., C] and labels [N].
      batches: first update, their number -> indices [M, T, B].
      updates: of each network in a call.
    """
    x, labels = inputs(examples[0]), tensor(examples[1]).long()
    rules = [make_rule(network.parameters()) for network in networks]
    done = 0

    def run():
        nonlocal done
        chosen = torch.from_numpy(batches(done, updates)).long()
        done += updates
        losses = []
        for network, rule, member in zip(networks, rules, chosen, strict=True):
            for batch in member:
                rule.zero_grad()
                loss = nn.functional.cross_entropy(network(x[batch]), labels[batch])
                loss.backward()
                rule.step()
                losses.append(loss.detach())
        return losses

    return run
