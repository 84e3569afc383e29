"""Weights from files: what is loaded, what is reported, what is refused."""

import functools
import pathlib
import pickle
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from lec7 import models, train, update_rules
from lec7.data import dataset
from lec7.models import resnet

KEY = jax.random.key(0)
MODEL = resnet.tiny(5, blocks=(1,))
NAMES = {
    "stem": "conv1",
    "stem_norm": "bn1",
    "stage1_block1/conv1": "layer1.0.conv1",
    "stage1_block1/norm1": "layer1.0.bn1",
    "stage1_block1/conv2": "layer1.0.conv2",
    "stage1_block1/last_norm": "layer1.0.bn2",
    "head": "fc",
}


@functools.cache
def variables():
    """Initial ones, to be replaced."""
    return models.initialise(MODEL, KEY, (8, 8, 3))


def leaf(tree, path):
    return functools.reduce(lambda node, name: node[name], path.split("/"), tree)


@functools.cache
def state_dict():
    """Random tensors of the names and layouts that torch has."""
    rng, tensors = np.random.default_rng(0), {}
    for ours, theirs in NAMES.items():
        for name, value in leaf(variables()["params"], ours).items():
            axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]
            shape = [value.shape[axis] for axis in axes]
            name = "bias" if name == "bias" else "weight"
            tensors[f"{theirs}.{name}"] = rng.normal(size=shape).astype(np.float32)
        if "norm" in ours:
            size = len(value)
            for name in ("running_mean", "running_var"):
                tensors[f"{theirs}.{name}"] = rng.uniform(size=size).astype(np.float32)
            tensors[f"{theirs}.num_batches_tracked"] = np.array(7)
    return tensors


def written(folder, tensors):
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    return folder / "model.safetensors"


def test_a_state_dict_is_loaded_leaf_by_leaf(tmp_path):
    tensors = state_dict()
    loaded = models.load_pretrained(written(tmp_path, tensors), variables())
    assert (loaded.kept, loaded.unused) == ((), ())
    assert len(loaded.loaded) == len(jax.tree.leaves(variables()))
    assert loaded.describe() == (
        "17 of 17 leaves loaded; kept as they were: none; not used: none"
    )
    kernels = ("stem", "stage1_block1/conv1", "stage1_block1/conv2")
    params, statistics = loaded.variables["params"], loaded.variables["batch_stats"]
    for ours in NAMES:
        theirs = NAMES[ours]
        if ours in kernels:
            expected = {
                "kernel": np.moveaxis(tensors[f"{theirs}.weight"], (0, 1), (3, 2))
            }
        elif ours == "head":
            expected = {"kernel": tensors["fc.weight"].T, "bias": tensors["fc.bias"]}
        else:
            expected = {
                "scale": tensors[f"{theirs}.weight"],
                "bias": tensors[f"{theirs}.bias"],
            }
            mean, var = (
                tensors[f"{theirs}.running_{name}"] for name in ("mean", "var")
            )
            found = leaf(statistics, ours)
            chex.assert_trees_all_equal(dict(found), {"mean": mean, "var": var})
        chex.assert_trees_all_equal(dict(leaf(params, ours)), expected)
    chex.assert_trees_all_equal_shapes_and_dtypes(loaded.variables, variables())


def test_what_does_not_match_is_reported_and_kept(tmp_path):
    tensors = {**state_dict(), "fc.weight": np.ones((1000, 4)), "se.weight": np.ones(3)}
    del tensors["layer1.0.bn1.weight"]
    path = written(tmp_path, {k: v.astype(np.float16) for k, v in tensors.items()})
    loaded = models.load_pretrained(path, variables(), skip="/head/", strict=False)
    kept = (
        "params/head/bias",
        "params/head/kernel",
        "params/stage1_block1/norm1/scale",
    )
    assert tuple(sorted(loaded.kept)) == kept
    assert loaded.unused == ("se.weight",)
    for name in kept:
        assert leaf(loaded.variables, name) is leaf(variables(), name)
    chex.assert_trees_all_equal_dtypes(loaded.variables, variables())
    assert (
        "14 of 17" in loaded.describe() and "not used: se.weight" in loaded.describe()
    )


def test_a_wrong_shape_is_named_with_both_shapes_and_the_way_out(tmp_path):
    path = written(tmp_path, {**state_dict(), "fc.weight": np.ones((1000, 4))})
    message = (
        "params/head/kernel has shape (4, 5) in the model and (4, 1000) in "
        f"{path}, where it is fc.weight: build the model with the sizes of the file, "
        "or leave this leaf as it is by skip='params/head/kernel'"
    )
    with pytest.raises(models.WeightsError, match=f"^{re.escape(message)}$"):
        models.load_pretrained(path, variables())


def test_a_file_of_another_network_is_refused_with_the_way_out(tmp_path):
    # pytorch/pytorch#451, #3159; stefanopini/simple-HRNet#79: in part is not loaded.
    load = functools.partial(models.load_pretrained, variables=variables())
    deeper = {**state_dict(), "layer1.1.conv1.weight": np.ones((4, 4, 3, 3))}
    path = written(tmp_path, deeper)
    with pytest.raises(models.WeightsError, match="has layer1.1.conv1.weight besi"):
        load(path)
    for skip in ("stage1_block2/", r"layer1\.1"):
        loaded = load(path, skip=skip)
        assert loaded.unused == ("layer1.1.conv1.weight",) and not loaded.kept
    # LAMDA-CL/PyCIL#69: the stem of timm's resnet18d keeps no random start.
    stem = {**state_dict(), "conv1.0.weight": state_dict()["conv1.weight"]}
    del stem["conv1.weight"]
    with pytest.raises(models.WeightsError) as caught:
        load(written(tmp_path, stem))
    assert str(caught.value) == (
        f"{path} is of another network: it lacks params/stem/kernel, and it has "
        "conv1.0.weight besides (1 and 1 leaves); expected those of the model: build "
        "the model that the file is of, or leave leaves out by a pattern, such as "
        "skip='params/stem/kernel', or all of these by strict=False"
    )
    assert load(path, strict=False).kept == ("params/stem/kernel",)


@pytest.mark.parametrize("prefix", ["module.", "backbone.body."])
def test_a_prefix_is_named_and_taken_off(prefix, tmp_path):
    # kenshohara/3D-ResNets-PyTorch#257; Project-MONAI/MONAI#2289.
    tensors = {f"{prefix}{name}": value for name, value in state_dict().items()}
    path = written(tmp_path, {**tensors, "neck.weight": np.ones(2)})
    with pytest.raises(models.WeightsError, match=f"give prefix='{prefix}'$"):
        models.load_pretrained(path, variables())
    loaded = models.load_pretrained(path, variables(), prefix=prefix)
    plain = models.load_pretrained(written(tmp_path, state_dict()), variables())
    chex.assert_trees_all_equal(loaded.variables, plain.variables)
    assert loaded.unused == ("neck.weight",)


def test_a_part_of_a_checkpoint_is_loaded_by_its_prefix(tmp_path):
    whole = {name: {"body": tree} for name, tree in variables().items()}
    train.save(tmp_path, whole, step=1)
    start = jax.tree.map(jnp.zeros_like, variables())
    with pytest.raises(models.WeightsError, match="give prefix='body/'$"):
        models.load_pretrained(tmp_path, start)
    loaded = models.load_pretrained(tmp_path, start, prefix="body/")
    chex.assert_trees_all_equal(loaded.variables, variables())


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_grey_stem_gives_what_the_file_gives_of_an_image_repeated(dtype, tmp_path):
    # torchgeo/torchgeo#2324; Lightning-Universe/lightning-flash#741.
    path = written(tmp_path, {k: v.astype(dtype) for k, v in state_dict().items()})
    start = models.initialise(MODEL, KEY, (8, 8, 1))
    loaded = models.load_pretrained(path, start)
    assert loaded.summed == ("params/stem/kernel",)
    assert loaded.describe().endswith("summed over colours: params/stem/kernel")
    colour = models.load_pretrained(path, variables()).variables
    grey = jax.random.uniform(KEY, (2, 8, 8, 1))
    chex.assert_trees_all_close(
        MODEL.apply(loaded.variables, grey, train=False),
        MODEL.apply(colour, jnp.repeat(grey, 3, axis=-1), train=False),
        rtol=1e-4,
        atol=1e-4,
    )


class Bomb:
    """What a pickle can do."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return pathlib.Path.touch, (self.target,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.pt", "no .safetensors file; nothing else is loaded, since files such"),
        ("model.pth", "no .safetensors file"),
        ("pytorch_model.bin", "no .safetensors file"),
        ("weights.npy", "no .safetensors file"),
        ("model.safetensors", "is not in the safetensors format"),
    ],
)
def test_a_pickle_is_refused_and_not_run(name, message, tmp_path):
    target = tmp_path / "exploded"
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(target)))
    with pytest.raises(models.WeightsError, match=message):
        models.load_pretrained(tmp_path / name, variables())
    assert not target.exists()


def test_other_files_that_cannot_be_loaded_are_named(tmp_path):
    load = functools.partial(models.load_pretrained, variables=variables())
    with pytest.raises(models.WeightsError, match="nowhere.safetensors does not exist"):
        load(tmp_path / "nowhere.safetensors")
    with pytest.raises(models.WeightsError, match="checkpoints/none does not exist"):
        load(tmp_path / "checkpoints" / "none")
    with pytest.raises(models.WeightsError, match="fits the model: it has other, the"):
        load(written(tmp_path, {"other": np.ones(2)}))
    with pytest.raises(models.WeightsError, match="holds no checkpoint; expected"):
        load(tmp_path)
    path = written(tmp_path, state_dict())
    with pytest.raises(ValueError, match=r"skip is '\('; expected a regular expr"):
        load(path, skip="(")
    with pytest.raises(ValueError, match="skip is '/haed/', which matches none of"):
        load(path, skip="/haed/")
    assert models.WeightsError.exit_code == train.CheckpointError.exit_code


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A population of two networks that was trained, and the folder of its run."""
    rng, axis = np.random.default_rng(0), train.DEVICE_AXIS
    images, labels = rng.normal(size=(12, 2, 2, 1)), rng.integers(3, size=12)
    split = dataset.Split(images.astype(np.float32), labels.astype(np.int32))
    model = models.MLP(3, widths=(), axis_name=axis)
    folder = tmp_path_factory.mktemp("run")
    population = train.train(
        model,
        update_rules.sgd(0.1),
        dataset.Dataset("random", 3, split, split, split),
        initialise=lambda key: models.initialise(model, key, (2, 2, 1)),
        seeds=(0, 1),
        batch_size=4,
        steps=2,
        evaluate_every=1,
        checkpoint_every=1,
        folder=folder,
        name="small",
    )
    return model, population, folder / "checkpoints" / "small"


@pytest.mark.parametrize("member", [0, 1])
@pytest.mark.parametrize("step", ["", "00000002"])
def test_a_member_is_loaded_from_the_checkpoint_of_a_run(trained, member, step):
    model, population, folder = trained
    start = models.initialise(model, KEY, (2, 2, 1))
    loaded = models.load_pretrained(folder / step, start, member=member)
    expected = population.member(member)["params"]
    chex.assert_trees_all_equal(loaded.variables, {"params": expected})
    assert (loaded.kept, loaded.unused) == ((), ())
    older = models.load_pretrained(folder / "00000001", start, member=member)
    assert np.any(
        older.variables["params"]["head"]["kernel"] != expected["head"]["kernel"]
    )


def test_a_checkpoint_of_one_network_has_no_members(tmp_path):
    train.save(tmp_path, variables(), step=3)
    start = jax.tree.map(jnp.zeros_like, variables())
    loaded = models.load_pretrained(tmp_path, {**start, "other": {}})
    chex.assert_trees_all_equal(loaded.variables, {**variables(), "other": {}})


def test_a_member_that_is_not_there_and_a_damaged_checkpoint_are_named(
    trained, tmp_path
):
    model, _, folder = trained
    start = models.initialise(model, KEY, (2, 2, 1))
    with pytest.raises(
        models.WeightsError, match="member is 2; expected 0 to 1, since"
    ):
        models.load_pretrained(folder, start, member=2)
    train.save(tmp_path, start, step=1)
    with pytest.raises(models.WeightsError, match="expected 0 to 0, .* 1 network$"):
        models.load_pretrained(tmp_path, start, member=1)
    file = tmp_path / "00000001" / "state.msgpack"
    payload = bytearray(file.read_bytes())
    payload[-1] ^= 1
    file.write_bytes(payload)
    with pytest.raises(models.WeightsError, match="00000001 is damaged; expected"):
        models.load_pretrained(tmp_path, start)
    (tmp_path / "00000001" / "manifest.json").write_text("{")
    with pytest.raises(models.WeightsError, match="00000001 is damaged; expected"):
        models.load_pretrained(tmp_path, start)
    train.save(tmp_path, {"velocity": np.ones(3)}, step=2)
    with pytest.raises(models.WeightsError, match="has no parameters, but velocity"):
        models.load_pretrained(tmp_path, start)
