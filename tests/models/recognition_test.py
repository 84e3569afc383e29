import jax
import numpy as np
import pytest
import safetensors.numpy

from lec7 import models
from tests.models import torchvision_names

SMALL = {
    "conv1.weight": np.zeros((4, 3, 3, 3), np.float32),
    "layer1.0.conv1.weight": np.zeros((4, 4, 3, 3), np.float32),
    "layer2.0.conv1.weight": np.zeros((8, 4, 3, 3), np.float32),
    "layer2.1.conv1.weight": np.zeros((8, 8, 3, 3), np.float32),
    "fc.weight": np.zeros((5, 8), np.float32),
}


def written(folder, tensors):
    path = folder / "own.safetensors"
    safetensors.numpy.save_file(tensors, path)
    return path


@pytest.mark.parametrize("timm", [False, True])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_networks_of_torchvision_and_timm_are_recognised_and_loaded(
    name, timm, tmp_path
):
    tensors = torchvision_names.state_dict(name, 7, timm=timm)
    path = written(tmp_path, tensors)
    model = models.resnet_of(path)
    assert model == getattr(models, name)(7)
    loaded = models.load_pretrained(path, torchvision_names.variables(model))
    assert loaded.kept == loaded.unused == ()
    leaves = jax.tree.leaves(loaded.variables)
    counted = sum(
        tensor.size
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
    )
    assert sum(leaf.size for leaf in leaves) == counted


def test_a_network_for_small_images_without_projections_is_recognised(tmp_path):
    model = models.resnet_of(written(tmp_path, SMALL))
    expected = models.ResNet(5, blocks=(1, 2), channels=4)
    assert model == expected


def test_names_may_begin_with_a_prefix(tmp_path):
    path = written(tmp_path, {f"module.{name}": SMALL[name] for name in SMALL})
    assert models.resnet_of(path, prefix="module.").blocks == (1, 2)
    with pytest.raises(models.WeightsError, match=r"lacks conv1.weight, .*module.conv"):
        models.resnet_of(path)


def test_other_networks_are_refused(tmp_path):
    deep_stem = {"conv1.0.weight": SMALL["conv1.weight"]} | SMALL
    del deep_stem["conv1.weight"]
    with pytest.raises(models.WeightsError, match="lacks conv1.weight, and has"):
        models.resnet_of(written(tmp_path, deep_stem))
    wide_stem = SMALL | {"conv1.weight": np.zeros((4, 3, 5, 5), np.float32)}
    with pytest.raises(models.WeightsError, match=r"\(4, 3, 5, 5\); expected a stem"):
        models.resnet_of(written(tmp_path, wide_stem))
