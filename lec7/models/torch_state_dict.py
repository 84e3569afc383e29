"""Names and layouts of a ResNet's state dict in torchvision, timm and here.

| torchvision and timm | here |
|---|---|
| `conv1`, `bn1`, `fc` | `stem`, `stem_norm`, `head` |
| `layer2.0.conv1`, `layer2.0.bn1` | `stage2_block1/conv1`, `stage2_block1/norm1` |
| the last `bn` of the block | `stage2_block1/last_norm` |
| `layer2.0.downsample.0`, `.1` | `stage2_block1/shortcut`, `..._norm` |
| `weight`, [O, I, H, W] or [O, I] | `kernel`, [H, W, I, O] or [I, O] |
| `weight` and `bias` of `bn` | `scale` and `bias` |
| `running_mean`, `running_var` | `mean`, `var` of the collection `batch_stats` |
"""

import re
from collections.abc import Collection

import numpy as np

IGNORED = ".num_batches_tracked"
"""End of the names of torch's counters, which have no part in a network's outputs."""

ENDS = {"conv1": "stem", "bn1": "stem_norm", "fc": "head"}
SHORTCUT = {"0": "shortcut", "1": "shortcut_norm"}


def leaf_path(name: str, names: Collection[str]) -> str | None:
    """Return the path of the leaf that takes a tensor, or None where there is none.

    Args:
      name: of the tensor.
      names: of all tensors of the state dict.

    Example:
      >>> leaf_path("layer2.0.bn1.running_var", ["layer2.0.conv2.weight"])
      'batch_stats/stage2_block1/norm1/var'
      >>> leaf_path("classifier.weight", [])
    """
    module, _, tensor = name.rpartition(".")
    layer = _layer(module, names)
    if layer is None:
        return None
    return {
        "weight": f"params/{layer}/{'scale' if 'norm' in layer else 'kernel'}",
        "bias": f"params/{layer}/bias",
        "running_mean": f"batch_stats/{layer}/mean",
        "running_var": f"batch_stats/{layer}/var",
    }.get(tensor)


def to_flax_layout(tensor: np.ndarray) -> np.ndarray:
    """Return a tensor [O, I, H, W] or [O, I] as a Flax kernel, [O] as it is."""
    return np.transpose(tensor, {4: (2, 3, 1, 0), 2: (1, 0)}.get(tensor.ndim))


def _layer(module: str, names: Collection[str]) -> str | None:
    """Return our path of a module of torchvision's."""
    found = re.fullmatch(r"layer(\d+)\.(\d+)\.(conv|bn|downsample\.)(\d)", module)
    if found is None:
        return ENDS.get(module)
    stage, index, kind, number = found.groups()
    if kind == "downsample.":
        layer = SHORTCUT.get(number)
    elif kind == "conv":
        layer = f"conv{number}"
    else:
        after = f"layer{stage}.{index}.conv{int(number) + 1}.weight"
        layer = f"norm{number}" if after in names else "last_norm"
    return layer and f"stage{stage}_block{int(index) + 1}/{layer}"
